package egress

import (
	"fmt"
	"strings"

	"github.com/labstack/echo/v4"

	"bongsu/wish"
)

// The extensions of WHEP that the sessions have (draft-ietf-wish-whep, core extensions).
const (
	relEvents = "urn:ietf:params:whep:ext:core:server-sent-events"
	relLayer  = "urn:ietf:params:whep:ext:core:layer"
)

func extensions() []wish.Extension {
	return []wish.Extension{
		{Rel: relEvents, Path: "events", Params: fmt.Sprintf(`; events="%s"`, strings.Join(eventNames(), ","))},
		{Rel: relLayer, Path: "layer"},
	}
}

// Extensions are the handlers of the extensions, by their path below /session/:id.
func (s *Service) Extensions() map[string]echo.HandlerFunc {
	return map[string]echo.HandlerFunc{
		"events":          s.extend("OPTIONS, POST", openEvents),
		"events/:channel": s.extend("DELETE, GET, OPTIONS", readEvents),
		"layer":           s.extend("DELETE, OPTIONS, POST", chooseLayer),
	}
}

// ViewerOf is the viewer of a WHEP session. It is nil while the client has not answered the server's offer, and for sessions
// of other kinds.
func ViewerOf(s wish.Session) *Viewer {
	switch s := s.(type) {
	case *Viewer:
		return s
	case *counterOffer:
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.joined
	}
	return nil
}

// extend serves the URL of an extension.
func (s *Service) extend(methods string, handle func(c echo.Context, r *wish.Request, v *Viewer) error) echo.HandlerFunc {
	return s.endpoint.Resources.Extend(methods, func(c echo.Context, r *wish.Request, session wish.Session) error {
		if v := ViewerOf(session); v != nil {
			return handle(c, r, v)
		}
		if _, waits := session.(*counterOffer); waits {
			return fmt.Errorf("%w: answer the server's offer first", wish.ErrNotNow)
		}
		return fmt.Errorf("%w: this one publishes; events and layers are for those that play", wish.ErrNoSession)
	})
}

// Drain tells the viewers who listen that they should connect anew, for the server is about to stop. Their event streams end
// soon after.
func (s *Service) Drain() { s.leave() }
