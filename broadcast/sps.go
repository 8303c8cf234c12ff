package broadcast

import (
	"errors"
	"fmt"
)

// ErrSPS says that a NAL unit is not a sequence parameter set that can be read.
var ErrSPS = errors.New("broadcast: not a readable sequence parameter set")

var (
	errSPSType  = fmt.Errorf("%w: another type of NAL unit", ErrSPS)
	errSPSLayer = fmt.Errorf("%w: not of the base layer", ErrSPS)
	errSPSShort = fmt.Errorf("%w: it ends too early", ErrSPS)
	errSPSValue = fmt.Errorf("%w: a value is out of its range", ErrSPS)
	errSPSSize  = fmt.Errorf("%w: an impossible picture size", ErrSPS)
)

const (
	maxDimension = 1 << 16 // pixels; no level of either standard comes near
	maxFrameRate = 1000
)

// SPS is what a sequence parameter set of H.264 or H.265 says about its pictures.
type SPS struct {
	// Profile, Constraints and Level are profile_idc, the constraint_set flags and level_idc of H.264: the three bytes of
	// profile-level-id (RFC 6184 section 8.1). Of H.265 they are general_profile_idc, the first eight constraint flags and
	// general_level_idc (ITU-T H.265 section 7.3.3).
	Profile, Constraints, Level byte
	// Width and Height of the picture in pixels, after cropping; of a field where H.265 codes fields.
	Width, Height int
	// FrameRate in pictures a second by the VUI; 0 where it does not say, or says more than a thousand.
	FrameRate float64
}

// ParseH264SPS reads an H.264 sequence parameter set: a NAL unit with its one-byte header, without a start code (ITU-T H.264
// sections 7.3.2.1.1 and E.1.1). Errors wrap ErrSPS. Damage after the picture's size costs the frame rate only: there are
// encoders that write the VUI wrongly.
func ParseH264SPS(nal []byte) (SPS, error) {
	if len(nal) < 1 || nal[0]&0x1f != h264SPS {
		return SPS{}, errSPSType
	}
	r := &bitReader{data: nal[1:], escaped: true}
	s := SPS{Profile: byte(r.bits(8)), Constraints: byte(r.bits(8)), Level: byte(r.bits(8))}
	r.ue() // seq_parameter_set_id
	chroma := uint32(1)
	if h264HasChromaFormat(s.Profile) {
		var ok bool
		if chroma, ok = h264ChromaFormat(r); !ok {
			return SPS{}, errSPSValue
		}
	}
	r.ue() // log2_max_frame_num_minus4
	if !skipPicOrderCount(r) {
		return SPS{}, errSPSValue
	}
	r.ue()   // max_num_ref_frames
	r.flag() // gaps_in_frame_num_value_allowed_flag
	width, height := 16*(int64(r.ue())+1), 16*(int64(r.ue())+1)
	unitX, unitY := int64(1), int64(1)
	if chroma == 1 || chroma == 2 {
		unitX = 2
	}
	if chroma == 1 {
		unitY = 2
	}
	if !r.flag() { // frame_mbs_only_flag: else the height is that of a field
		height *= 2
		unitY *= 2
		r.flag() // mb_adaptive_frame_field_flag
	}
	r.flag() // direct_8x8_inference_flag
	if err := s.setSize(r, width, height, unitX, unitY); err != nil {
		return SPS{}, err
	}
	if r.flag() { // vui_parameters_present_flag
		skipVideoSignal(r)
		s.readTiming(r, 2) // a tick is a field
	}
	return s, nil
}

// h264HasChromaFormat lists the profiles whose SPS says more about the samples (ITU-T H.264 section 7.3.2.1.1).
func h264HasChromaFormat(profile byte) bool {
	switch profile {
	case 100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135:
		return true
	}
	return false
}

// h264ChromaFormat reads from chroma_format_idc to the scaling matrix, and gives ChromaArrayType.
func h264ChromaFormat(r *bitReader) (chromaArrayType uint32, ok bool) {
	chroma := r.ue()
	if chroma > 3 {
		return 0, false
	}
	lists := 8
	chromaArrayType = chroma
	if chroma == 3 {
		lists = 12
		if r.flag() { // separate_colour_plane_flag
			chromaArrayType = 0
		}
	}
	r.skipUE(2)   // bit depths
	r.flag()      // qpprime_y_zero_transform_bypass_flag
	if r.flag() { // seq_scaling_matrix_present_flag
		for i := range lists {
			if r.flag() {
				skipScalingList(r, i)
			}
		}
	}
	return chromaArrayType, true
}

// skipScalingList passes over list i, which ends where a delta makes the next scale 0 (ITU-T H.264 section 7.3.2.1.1.1).
func skipScalingList(r *bitReader, i int) {
	size := 16
	if i >= 6 {
		size = 64
	}
	next := int32(8)
	for j := 0; j < size && next != 0 && !r.short; j++ {
		next = (next + r.se()) & 0xff
	}
}

func skipPicOrderCount(r *bitReader) (ok bool) {
	switch r.ue() { // pic_order_cnt_type
	case 0:
		r.ue() // log2_max_pic_order_cnt_lsb_minus4
	case 1:
		r.flag()    // delta_pic_order_always_zero_flag
		r.skipUE(2) // offset_for_non_ref_pic, offset_for_top_to_bottom_field
		n := r.ue() // num_ref_frames_in_pic_order_cnt_cycle
		if n > 255 {
			return false
		}
		r.skipUE(int(n))
	case 2:
	default:
		return false
	}
	return true
}

// setSize reads the cropping (H.264) or conformance window (H.265) and takes it, in the given units, off the coded size.
func (s *SPS) setSize(r *bitReader, width, height, unitX, unitY int64) error {
	if r.flag() {
		left, right := int64(r.ue()), int64(r.ue())
		top, bottom := int64(r.ue()), int64(r.ue())
		width -= unitX * (left + right)
		height -= unitY * (top + bottom)
	}
	if r.short {
		return errSPSShort
	}
	if width <= 0 || height <= 0 || width > maxDimension || height > maxDimension {
		return errSPSSize
	}
	s.Width, s.Height = int(width), int(height)
	return nil
}

// skipVideoSignal passes over the start of the VUI, which both standards share: from aspect_ratio_info_present_flag to the
// location of the chroma samples.
func skipVideoSignal(r *bitReader) {
	const extendedSAR = 255
	if r.flag() && r.bits(8) == extendedSAR {
		r.skip(32)
	}
	if r.flag() { // overscan_info_present_flag
		r.flag()
	}
	if r.flag() { // video_signal_type_present_flag
		r.skip(4)
		if r.flag() { // colour_description_present_flag
			r.skip(24)
		}
	}
	if r.flag() { // chroma_loc_info_present_flag
		r.skipUE(2)
	}
}

// readTiming reads the VUI's timing: num_units_in_tick, time_scale; a picture takes so many ticks.
func (s *SPS) readTiming(r *bitReader, ticks float64) {
	if !r.flag() {
		return
	}
	units, scale := r.bits(32), r.bits(32)
	if r.short || units == 0 {
		return
	}
	if rate := float64(scale) / float64(units) / ticks; rate <= maxFrameRate {
		s.FrameRate = rate
	}
}
