package udp

import (
	"context"
	"testing"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// TestPeerConnection: a PeerConnection on the port answers another, gets its messages and sends it gathered RTP.
func TestPeerConnection(t *testing.T) {
	for _, address := range families(t) {
		t.Run(address, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			port := open(t, address)
			port.Start(nil)
			server, client := connections(t, port)
			track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8}, "video", "stream")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := client.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
				t.Fatal(err)
			}
			sender, err := server.AddTrack(track)
			if err != nil {
				t.Fatal(err)
			}
			channel, err := client.CreateDataChannel("test", nil)
			if err != nil {
				t.Fatal(err)
			}
			channel.OnOpen(func() { channel.SendText("hello") })
			echoed := make(chan string, 1)
			channel.OnMessage(func(m webrtc.DataChannelMessage) { echoed <- string(m.Data) })
			server.OnDataChannel(func(c *webrtc.DataChannel) {
				c.OnMessage(func(m webrtc.DataChannelMessage) { c.SendText("you said " + string(m.Data)) })
			})
			const packets = 100
			numbers := make(chan uint16, packets)
			client.OnTrack(func(remote *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
				for {
					p, _, err := remote.ReadRTP()
					if err != nil {
						return
					}
					numbers <- p.SequenceNumber
				}
			})
			negotiate(t, ctx, client, server)
			select {
			case got := <-echoed:
				if got != "you said hello" {
					t.Errorf("got %q", got)
				}
			case <-ctx.Done():
				t.Fatal("no message came back")
			}
			before := port.Stats()
			s := port.Socks()[0]
			b := s.NewBatch()
			ssrc := uint32(sender.GetParameters().Encodings[0].SSRC)
			for n := range uint16(packets) {
				s.Virtual().Gather(b, ssrc)
				if err := track.WriteRTP(&rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: n, Timestamp: uint32(n/10) * 3000}, Payload: make([]byte, 1000)}); err != nil {
					t.Fatal(err)
				}
				s.Virtual().Release(ssrc)
				if n%10 == 9 {
					b.Flush()
				}
			}
			for n := range uint16(packets) {
				select {
				case got := <-numbers:
					if got != n {
						t.Fatalf("got packet %d, want %d", got, n)
					}
				case <-ctx.Done():
					t.Fatalf("packet %d did not come", n)
				}
			}
			st := port.Stats()
			if sent, calls := st.PacketsOut-before.PacketsOut, st.SendCalls-before.SendCalls; sent < packets || calls > packets/2 {
				t.Errorf("%d packets in %d system calls: not gathered", sent, calls)
			}
			if st.Unread != 0 || len(st.Errors) != 0 {
				t.Errorf("%+v", st)
			}
		})
	}
}

// connections are two peers, the first on the port.
func connections(t *testing.T, port *Port) (server, client *webrtc.PeerConnection) {
	t.Helper()
	for i, pc := range []**webrtc.PeerConnection{&server, &client} {
		var m webrtc.MediaEngine
		if err := m.RegisterDefaultCodecs(); err != nil {
			t.Fatal(err)
		}
		var settings webrtc.SettingEngine
		settings.SetIncludeLoopbackCandidate(true)
		settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6})
		if i == 0 {
			settings.SetICEUDPMux(port.Mux())
		}
		var err error
		if *pc, err = webrtc.NewAPI(webrtc.WithSettingEngine(settings), webrtc.WithMediaEngine(&m)).NewPeerConnection(webrtc.Configuration{}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { (*pc).GracefulClose() })
	}
	return server, client
}

func negotiate(t *testing.T, ctx context.Context, client, server *webrtc.PeerConnection) {
	t.Helper()
	connected := make(chan struct{})
	client.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		if s == webrtc.PeerConnectionStateConnected {
			close(connected)
		}
	})
	complete := func(pc *webrtc.PeerConnection, describe func() (webrtc.SessionDescription, error)) webrtc.SessionDescription {
		d, err := describe()
		if err != nil {
			t.Fatal(err)
		}
		gathered := webrtc.GatheringCompletePromise(pc)
		if err := pc.SetLocalDescription(d); err != nil {
			t.Fatal(err)
		}
		<-gathered
		return *pc.LocalDescription()
	}
	offer := complete(client, func() (webrtc.SessionDescription, error) { return client.CreateOffer(nil) })
	if err := server.SetRemoteDescription(offer); err != nil {
		t.Fatal(err)
	}
	answer := complete(server, func() (webrtc.SessionDescription, error) { return server.CreateAnswer(nil) })
	if err := client.SetRemoteDescription(answer); err != nil {
		t.Fatal(err)
	}
	select {
	case <-connected:
	case <-ctx.Done():
		t.Fatal("the peers did not connect within ", limit)
	}
}
