package wish

import (
	"net/http"

	"github.com/labstack/echo/v4"
)

const (
	// corsMethods are those of every URL that this middleware may stand before; the URL itself refuses what it hasn't.
	corsMethods = "GET, HEAD, POST, PATCH, DELETE, OPTIONS"
	// corsRequest holds ETag too, which one player sends in place of If-Match.
	corsRequest  = "Authorization, Content-Type, If-Match, ETag, Prefer, Accept, Cache-Control, Last-Event-ID"
	corsResponse = "Location, Link, ETag, Accept-Patch, Accept-Post, Access-Control-Allow-Methods, Allow, Retry-After, WWW-Authenticate, Preference-Applied"
	corsMaxAge   = "86400" // seconds
)

// CORS lets pages of any origin use the URLs (Fetch standard, "CORS protocol"): it puts its headers on every answer, errors
// too, and answers preflights, which never carry a token, even where the URL's own handler wouldn't. Cookies are not
// allowed: tokens travel in Authorization.
func CORS(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r, h := c.Request(), c.Response().Header()
		h.Set(echo.HeaderAccessControlAllowOrigin, "*")
		h.Set(echo.HeaderAccessControlExposeHeaders, corsResponse)
		if r.Method != http.MethodOptions || r.Header.Get(echo.HeaderAccessControlRequestMethod) == "" {
			return next(c)
		}
		h.Set(echo.HeaderAccessControlAllowMethods, corsMethods)
		h.Set(echo.HeaderAccessControlAllowHeaders, corsRequest)
		h.Set(echo.HeaderAccessControlMaxAge, corsMaxAge)
		if err := next(c); err != nil && !c.Response().Committed {
			return c.NoContent(http.StatusNoContent)
		}
		return nil
	}
}
