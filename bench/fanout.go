package bench

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/logging"
	"github.com/pion/webrtc/v4"
)

// maxOffer bounds what is read of a request.
const maxOffer = 64 << 10

// Fanout is the yardstick: the shortest WHIP and WHEP server that can be made of pion, with a TrackLocalStaticRTP for each
// track of its one publisher. It serves a stream to viewers on the loopback network, and nothing else. Close ends it.
type Fanout struct {
	URL string // of the endpoints /whip and /whep

	api    *webrtc.API
	mux    *ice.UDPMuxDefault
	server *http.Server
	done   chan struct{}
	closed sync.Once

	mu     sync.Mutex
	tracks []*webrtc.TrackLocalStaticRTP
	peers  map[string]*webrtc.PeerConnection
}

// NewFanout begins to serve, with pion's default interceptors or with none.
func NewFanout(ctx context.Context, interceptors bool) (*Fanout, error) {
	return newFanout(ctx, interceptors, webrtc.SettingEngine{})
}

func newFanout(ctx context.Context, interceptors bool, settings webrtc.SettingEngine) (*Fanout, error) {
	engine, registry := &webrtc.MediaEngine{}, &interceptor.Registry{}
	if err := engine.RegisterDefaultCodecs(); err != nil {
		return nil, err
	}
	if interceptors {
		if err := webrtc.RegisterDefaultInterceptors(engine, registry); err != nil {
			return nil, err
		}
	}
	quiet := &logging.DefaultLoggerFactory{Writer: io.Discard, DefaultLogLevel: logging.LogLevelDisabled}
	settings.LoggerFactory = quiet
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	_ = conn.SetReadBuffer(receiveBuffer)
	_ = conn.SetWriteBuffer(receiveBuffer)
	f := &Fanout{done: make(chan struct{}), peers: map[string]*webrtc.PeerConnection{}}
	f.mux = ice.NewUDPMuxDefault(ice.UDPMuxParams{UDPConn: conn, Logger: quiet.NewLogger("mux")})
	settings.SetICEUDPMux(f.mux)
	f.api = webrtc.NewAPI(webrtc.WithMediaEngine(engine), webrtc.WithInterceptorRegistry(registry), webrtc.WithSettingEngine(settings))
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(err, f.mux.Close())
	}
	f.URL = "http://" + listener.Addr().String()
	f.serve(listener)
	return f, nil
}

func (f *Fanout) serve(listener net.Listener) {
	routes := http.NewServeMux()
	routes.HandleFunc("POST /whip", func(w http.ResponseWriter, r *http.Request) { f.open(w, r, f.publish) })
	routes.HandleFunc("POST /whep", func(w http.ResponseWriter, r *http.Request) { f.open(w, r, f.play) })
	routes.HandleFunc("DELETE /session/{id}", f.delete)
	f.server = &http.Server{Handler: routes, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		defer close(f.done)
		_ = f.server.Serve(listener)
	}()
}

// open answers an offer with a peer connection that prepare has made ready.
func (f *Fanout) open(w http.ResponseWriter, r *http.Request, prepare func(*webrtc.PeerConnection) error) {
	offer, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxOffer))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	pc, err := f.api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	text, err := f.answer(pc, string(offer), prepare)
	if err != nil {
		_ = pc.Close()
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	id := rand.Text()
	f.mu.Lock()
	f.peers[id] = pc
	f.mu.Unlock()
	w.Header().Set("Content-Type", "application/sdp")
	w.Header().Set("Location", "/session/"+id)
	w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(w, text)
}

func (f *Fanout) answer(pc *webrtc.PeerConnection, offer string, prepare func(*webrtc.PeerConnection) error) (string, error) {
	if err := prepare(pc); err != nil {
		return "", err
	}
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
		return "", err
	}
	answer, err := pc.CreateAnswer(nil)
	if err != nil {
		return "", err
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(answer); err != nil {
		return "", err
	}
	<-gathered
	return pc.LocalDescription().SDP, nil
}

// publish forwards what comes, packet by packet.
func (f *Fanout) publish(pc *webrtc.PeerConnection) error {
	pc.OnTrack(func(remote *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		local, err := webrtc.NewTrackLocalStaticRTP(remote.Codec().RTPCodecCapability, remote.Kind().String(), "fanout")
		if err != nil {
			return
		}
		f.mu.Lock()
		f.tracks = append(f.tracks, local)
		f.mu.Unlock()
		for {
			packet, _, err := remote.ReadRTP()
			if err != nil {
				return
			}
			_ = local.WriteRTP(packet)
		}
	})
	return nil
}

func (f *Fanout) play(pc *webrtc.PeerConnection) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.tracks) == 0 {
		return errors.New("nobody publishes yet")
	}
	for _, track := range f.tracks {
		sender, err := pc.AddTrack(track)
		if err != nil {
			return err
		}
		go func() { // interceptors see what is read
			buffer := make([]byte, 1500)
			for {
				if _, _, err := sender.Read(buffer); err != nil {
					return
				}
			}
		}()
	}
	return nil
}

func (f *Fanout) delete(_ http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	pc := f.peers[r.PathValue("id")]
	delete(f.peers, r.PathValue("id"))
	f.mu.Unlock()
	if pc != nil {
		_ = pc.GracefulClose()
	}
}

// Close hangs up on everybody and waits. It may be called twice.
func (f *Fanout) Close() error {
	var err error
	f.closed.Do(func() {
		err = f.server.Close()
		<-f.done
		f.mu.Lock()
		defer f.mu.Unlock()
		for _, pc := range f.peers {
			_ = pc.GracefulClose()
		}
		err = errors.Join(err, f.mux.Close())
	})
	return err
}
