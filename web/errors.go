package web

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"

	"bongsu/signal"

	"github.com/labstack/echo/v4"
	"golang.org/x/text/language"
)

// policyMessage is for pages that are nothing but words.
const policyMessage = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"

// tellError is echo's error handler: a problem document for programs, a small page for people.
func (s *site) tellError(err error, c echo.Context) {
	status, p := signal.Status(err)
	if status == http.StatusInternalServerError {
		s.log.ErrorContext(c.Request().Context(), "request failed", "method", c.Request().Method, "route", c.Path(), "error", err)
	}
	if c.Response().Committed {
		return
	}
	c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
	contentType, body, err := s.tell(c, p)
	if err == nil && c.Request().Method == http.MethodHead {
		c.Response().Header().Set(echo.HeaderContentType, contentType)
		err = c.NoContent(status)
	} else if err == nil {
		err = c.Blob(status, contentType, body)
	}
	if err != nil {
		s.log.DebugContext(c.Request().Context(), "error not told", "route", c.Path(), "error", err)
	}
}

// tell writes a problem as a page or as a document.
func (s *site) tell(c echo.Context, p signal.Problem) (contentType string, body []byte, err error) {
	if wantsPage(c) {
		body, err = s.message(c, p)
		return echo.MIMETextHTMLCharsetUTF8, body, err
	}
	body, err = json.Marshal(p)
	return signal.ProblemType, body, err
}

// wantsPage: does a person read the answer? Only browsers that go to a page ask for HTML by name.
func wantsPage(c echo.Context) bool {
	for _, program := range []string{"/api/", "/whip", "/whep", "/session", "/chat", "/oembed"} {
		if strings.HasPrefix(c.Request().URL.Path, program) {
			return false
		}
	}
	c.Response().Header().Add(echo.HeaderVary, echo.HeaderAccept)
	return strings.Contains(c.Request().Header.Get(echo.HeaderAccept), echo.MIMETextHTML)
}

// message is the small page that tells a problem.
func (s *site) message(c echo.Context, p signal.Problem) ([]byte, error) {
	tag, _ := language.MatchStrings(language.NewMatcher([]language.Tag{language.English, language.Korean}),
		c.Request().Header.Get("Accept-Language"))
	words := english
	if base, _ := tag.Base(); base.String() == "ko" {
		words = korean
	}
	view := words(p.Status)
	view.Status, view.Detail = p.Status, p.Detail
	c.Response().Header().Add(echo.HeaderVary, "Accept-Language")
	protect(c.Response().Header(), policyMessage, permitNothing)
	var page bytes.Buffer
	err := s.templates.ExecuteTemplate(&page, "message.tmpl", view)
	return page.Bytes(), err
}

// view is what the page of a problem says.
type view struct {
	Lang, Title, Text, Home string
	Status                  int
	Detail                  string
}

func english(status int) view {
	v := view{Lang: "en", Home: "To the streams", Title: "That did not work", Text: "Go back and try again, or start from the list of streams."}
	switch {
	case status == http.StatusBadRequest:
		v.Title = "That is not a stream name"
		v.Text = "A name has 1 to 64 letters and digits of any script. “-”, “_” and “.” may be in it; spaces and other signs may not."
	case status == http.StatusNotFound:
		v.Title = "There is nothing here"
		v.Text = "Please check the address for a slip of the keyboard, or start from the list of streams."
	case status == http.StatusServiceUnavailable:
		v.Title = "The pages are not ready"
		v.Text = "They still have to be built: run “make web” in the source folder and start the server again. Publishing and watching by WHIP and WHEP work already."
	case status >= http.StatusInternalServerError:
		v.Title = "Something went wrong in the server"
		v.Text = "It is not your doing. Please try again in a moment; the server's log says what happened."
	}
	return v
}

func korean(status int) view {
	v := view{Lang: "ko", Home: "방송 목록으로", Title: "요청을 처리하지 못했습니다", Text: "이전 화면으로 돌아가 다시 시도하거나 방송 목록에서 시작해 주세요."}
	switch {
	case status == http.StatusBadRequest:
		v.Title = "방송 이름으로 쓸 수 없습니다"
		v.Text = "이름은 1~64자이며 모든 언어의 글자와 숫자, 그리고 “-”, “_”, “.”를 쓸 수 있습니다. 공백과 다른 기호는 쓸 수 없습니다."
	case status == http.StatusNotFound:
		v.Title = "찾으시는 페이지가 없습니다"
		v.Text = "주소에 오타가 없는지 확인하거나 방송 목록에서 시작해 주세요."
	case status == http.StatusServiceUnavailable:
		v.Title = "페이지가 아직 준비되지 않았습니다"
		v.Text = "페이지를 먼저 빌드해야 합니다. 소스 폴더에서 “make web”을 실행한 뒤 서버를 다시 시작해 주세요. WHIP 송출과 WHEP 시청은 지금도 됩니다."
	case status >= http.StatusInternalServerError:
		v.Title = "서버에 문제가 생겼습니다"
		v.Text = "사용자 잘못이 아닙니다. 잠시 후 다시 시도해 주세요. 자세한 원인은 서버 로그에 있습니다."
	}
	return v
}
