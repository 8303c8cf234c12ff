package egress

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"bongsu/broadcast"
	"bongsu/wish"
)

// Errors of layer selection; broadcast.ErrNoLayer is another.
var (
	ErrLayerRequest = errors.New("not a choice of a layer") // 400
	ErrNoMedia      = errors.New("no such m-line")          // 404
)

// LayerRequest is what a player says of the layer that it wants (WHEP layer selection extension). Nothing means that the server
// chooses.
type LayerRequest struct {
	MediaID    *string `json:"mediaId"`    // the m-line's place in the offer; the picture's if left out
	RID        string  `json:"rid"`        // of the layer; the bounds then don't count
	EncodingID string  `json:"encodingId"` // the same in an older dialect
	MaxWidth   uint32  `json:"maxWidth"`   // the largest within these bounds, in pixels
	MaxHeight  uint32  `json:"maxHeight"`

	// The layers here are encodings of a simulcast, with one spatial layer each, whose temporal layers are not told apart.
	SpatialLayerID     *uint32 `json:"spatialLayerId"`
	TemporalLayerID    *uint32 `json:"temporalLayerId"`
	MaxSpatialLayerID  *uint32 `json:"maxSpatialLayerId"`
	MaxTemporalLayerID *uint32 `json:"maxTemporalLayerId"`
}

// chooseLayer answers POST, and DELETE as a POST of {}.
func chooseLayer(c echo.Context, r *wish.Request, v *Viewer) error {
	var choice LayerRequest
	if r.Method == http.MethodPost {
		body, err := r.ReadJSON(c)
		if err != nil {
			return err
		}
		if choice, err = ParseLayerRequest(body); err != nil {
			return err
		}
	}
	if err := v.SelectLayer(choice); err != nil {
		return err
	}
	return c.NoContent(http.StatusOK)
}

// ParseLayerRequest reads a JSON object. Members that are not known are ignored. Its error wraps ErrLayerRequest.
func ParseLayerRequest(body []byte) (LayerRequest, error) {
	var r *LayerRequest
	if err := json.Unmarshal(body, &r); err != nil || r == nil {
		wrong := (*json.UnmarshalTypeError)(nil)
		if errors.As(err, &wrong) && wrong.Field != "" {
			return LayerRequest{}, fmt.Errorf("%w: %s can't be a %.64s", ErrLayerRequest, wrong.Field, wrong.Value)
		}
		return LayerRequest{}, fmt.Errorf(`%w: send a JSON object like {"rid":"h"}, or {} to leave the choice to the server`, ErrLayerRequest)
	}
	if r.RID == "" {
		r.RID = r.EncodingID
	}
	return *r, nil
}

// SelectLayer asks for a layer. The viewer gets it with its next keyframe. The error wraps ErrNoMedia for an m-line that isn't
// there, broadcast.ErrNoLayer for a layer that can't be had now, and wish.ErrUnprocessable.
func (v *Viewer) SelectLayer(r LayerRequest) error {
	line := v.video
	if r.MediaID != nil {
		n, err := strconv.ParseUint(*r.MediaID, 10, 16)
		if err != nil || int(n) >= v.lines {
			return fmt.Errorf("%w: mediaId is %.64q; the session has the m-lines 0 to %d", ErrNoMedia, *r.MediaID, v.lines-1)
		}
		line = int(n)
	}
	choice := broadcast.Selection{RID: r.RID, MaxWidth: int(r.MaxWidth), MaxHeight: int(r.MaxHeight)}
	bounds := r.SpatialLayerID != nil || r.TemporalLayerID != nil || r.MaxSpatialLayerID != nil || r.MaxTemporalLayerID != nil
	switch {
	case line != v.video || line < 0:
		if choice != (broadcast.Selection{}) || bounds {
			return fmt.Errorf("%w: that m-line has no picture, and so no layers", wish.ErrUnprocessable)
		}
		return nil
	case r.SpatialLayerID != nil && *r.SpatialLayerID > 0:
		return fmt.Errorf("%w: it has no spatial layer %d; choose by rid", broadcast.ErrNoLayer, *r.SpatialLayerID)
	case r.TemporalLayerID != nil:
		return fmt.Errorf("%w: its temporal layers can't be had one by one; choose by rid", broadcast.ErrNoLayer)
	}
	return v.subscriber.Select(choice)
}
