package signal

import (
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"github.com/labstack/echo/v4"

	"bongsu/wish"
)

const (
	protocol  = "bongsu.v1"     // the subprotocol (RFC 6455 section 1.9)
	keyPrefix = "bongsu.token." // a token in base64url follows

	resumeTime  = 15 * time.Second
	maxFrame    = 64 << 10
	frameRate   = 50 // a second
	maxMistakes = 10 // frames that are no messages
)

// Config bounds the WebSockets of /signal. What their sessions may take is said where those of HTTP are bounded.
type Config struct {
	// Enabled serves /signal.
	Enabled bool `koanf:"enabled"`
	// Sockets at a time, and of one client address; clients on this machine count only for the first.
	Sockets    int `koanf:"sockets"`
	PerAddress int `koanf:"sockets_per_address"`
}

// DefaultConfig has room for a large audience.
func DefaultConfig() Config { return Config{Enabled: true, Sockets: 10000, PerAddress: 200} }

// Starter opens a session for an offer, as an endpoint's Start does.
type Starter func(r *wish.Request, offer []byte) (*wish.Started, error)

// Server is /signal: the sessions of WHIP and WHEP over a WebSocket, as docs/signaling.md describes it. It keeps no rules of
// its own about them: what HTTP may do, and how much, may be done here.
type Server struct {
	// Publish and Play open sessions. Set them, and all that follows, before the first request.
	Publish, Play Starter
	// ICEServers are told with every description.
	ICEServers []wish.ICEServer
	// Chat has the client take part in the chat of a session's stream. It returns when ctx ends, c fails, or the chat is over
	// for this client, and closes c then. Nil: there is no chat.
	Chat func(ctx context.Context, c *ChatConn)

	allow  func(*http.Request) bool
	log    *slog.Logger
	gate   *gate
	within time.Duration // for which sessions wait for their client's next socket
	life   context.Context
	stop   context.CancelFunc

	mu    sync.Mutex
	lines map[string]*line // by the word that resumes them; who takes one out owns it
}

// NewServer makes a server; pages of those origins may connect for which allow is true. Close ends it.
func NewServer(c Config, allow func(*http.Request) bool, log *slog.Logger) *Server {
	s := &Server{allow: allow, log: log, gate: newGate(c.Sockets, c.PerAddress), within: resumeTime, lines: map[string]*line{}}
	s.life, s.stop = context.WithCancel(context.Background())
	return s
}

// Handle serves one socket.
func (s *Server) Handle(c echo.Context) error {
	if !websocket.IsWebSocketUpgrade(c.Request()) {
		c.Response().Header().Set(echo.HeaderUpgrade, "websocket")
		return echo.NewHTTPError(http.StatusUpgradeRequired, "this address speaks WebSocket; connect to it by wss: or ws:")
	}
	if err := checkOrigin(c.Request(), s.allow); err != nil {
		return err
	}
	token, err := offeredToken(websocket.Subprotocols(c.Request()))
	if err != nil {
		return err
	}
	base := wish.NewRequest(c, "", token)
	leave, err := s.gate.enter(base.Network(), c.Response().Header())
	if err != nil {
		return err
	}
	defer s.gate.running.Done()
	defer leave()
	upgrader := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }, Subprotocols: []string{protocol}}
	conn, err := upgrader.Upgrade(c.Response(), c.Request(), nil)
	if err != nil {
		s.log.Debug("no socket", "error", err) // the client has been told
		return nil
	}
	s.talk(conn, base, leave)
	return nil
}

// offeredToken reads the subprotocols that a client offers.
func offeredToken(offered []string) (token string, err error) {
	if len(offered) > 0 && !slices.Contains(offered, protocol) {
		return "", fmt.Errorf("%w: the subprotocol here is %q", ErrMessage, protocol)
	}
	for _, p := range offered {
		if text, ok := strings.CutPrefix(p, keyPrefix); ok {
			decoded, err := base64.RawURLEncoding.DecodeString(text)
			if err != nil {
				return "", fmt.Errorf("%w: the token in the subprotocol is not in base64url without padding", ErrMessage)
			}
			return string(decoded), nil
		}
	}
	return "", nil
}

// register makes a word by which a line can be resumed.
func (s *Server) register(l *line) (word string) {
	word = newWord()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines[word] = l
	return word
}

// claim takes a line out, if it is still there.
func (s *Server) claim(word string) *line {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lines[word]
	delete(s.lines, word)
	return l
}

// Close ends every socket and every session of theirs, and waits. It may be called twice.
func (s *Server) Close() error {
	s.gate.close()
	s.stop()
	s.gate.running.Wait()
	return nil
}
