package broadcast

// ParseH265SPS reads an H.265 sequence parameter set of the base layer: a NAL unit with its two-byte header, without a start
// code (ITU-T H.265 sections 7.3.2.2.1 and E.2.1). Errors wrap ErrSPS. Damage after the picture's size costs the frame rate
// only.
func ParseH265SPS(nal []byte) (SPS, error) {
	switch {
	case len(nal) < 2 || h265Type(nal) != h265SPS:
		return SPS{}, errSPSType
	case h265Layer(nal) != 0:
		return SPS{}, errSPSLayer
	}
	r := &bitReader{data: nal[2:], escaped: true}
	r.bits(4) // sps_video_parameter_set_id
	subLayers := int(r.bits(3))
	r.flag() // sps_temporal_id_nesting_flag
	var s SPS
	s.readProfileTierLevel(r, subLayers)
	r.ue() // sps_seq_parameter_set_id
	chroma := r.ue()
	if chroma > 3 {
		return SPS{}, errSPSValue
	}
	unitX, unitY := int64(1), int64(1) // SubWidthC, SubHeightC
	switch chroma {
	case 1:
		unitX, unitY = 2, 2
	case 2:
		unitX = 2
	case 3:
		r.flag() // separate_colour_plane_flag
	}
	width, height := int64(r.ue()), int64(r.ue())
	if err := s.setSize(r, width, height, unitX, unitY); err != nil {
		return SPS{}, err
	}
	if skipToVUI(r, subLayers) && r.flag() { // vui_parameters_present_flag
		skipVideoSignal(r)
		r.skip(3)     // neutral_chroma_indication_flag, field_seq_flag, frame_field_info_present_flag
		if r.flag() { // default_display_window_flag
			r.skipUE(4)
		}
		s.readTiming(r, 1)
	}
	return s, nil
}

// readProfileTierLevel is profile_tier_level(1, subLayers) of ITU-T H.265 section 7.3.3; subLayers counts from 0.
func (s *SPS) readProfileTierLevel(r *bitReader, subLayers int) {
	const profile, level = 88, 8 // bits
	s.Profile = byte(r.bits(8)) & 0x1f
	r.skip(32) // general_profile_compatibility_flag
	s.Constraints = byte(r.bits(8))
	r.skip(40)
	s.Level = byte(r.bits(8))
	if subLayers == 0 {
		return
	}
	present := r.bits(2 * 8) // a pair of flags for each of eight sub-layers
	for i := range subLayers {
		flags := present >> (14 - 2*i)
		if flags&2 != 0 {
			r.skip(profile)
		}
		if flags&1 != 0 {
			r.skip(level)
		}
	}
}

// skipToVUI passes over all between the conformance window and vui_parameters_present_flag. ok is false where the numbers
// cannot be right.
func skipToVUI(r *bitReader, subLayers int) (ok bool) {
	r.skipUE(2) // bit depths
	lsbBits := int(r.ue()) + 4
	if lsbBits > 16 {
		return false
	}
	ordered := 1
	if r.flag() { // sps_sub_layer_ordering_info_present_flag
		ordered += subLayers
	}
	r.skipUE(3 * ordered)
	r.skipUE(6)              // sizes of coding and transform blocks
	scaling := r.flag()      // scaling_list_enabled_flag
	if scaling && r.flag() { // sps_scaling_list_data_present_flag
		skipScalingListData(r)
	}
	r.skip(2)     // amp_enabled_flag, sample_adaptive_offset_enabled_flag
	if r.flag() { // pcm_enabled_flag
		r.skip(8)
		r.skipUE(2)
		r.flag()
	}
	if !skipShortTermSets(r) {
		return false
	}
	if r.flag() { // long_term_ref_pics_present_flag
		n := r.ue()
		if n > 32 {
			return false
		}
		r.skip(int(n) * (lsbBits + 1))
	}
	r.skip(2) // sps_temporal_mvp_enabled_flag, strong_intra_smoothing_enabled_flag
	return !r.short
}

// skipScalingListData is scaling_list_data() of ITU-T H.265 section 7.3.4.
func skipScalingListData(r *bitReader) {
	for size := range 4 {
		step := 1
		if size == 3 {
			step = 3
		}
		for matrix := 0; matrix < 6; matrix += step {
			switch {
			case !r.flag(): // scaling_list_pred_mode_flag
				r.ue()
			case size > 1: // with scaling_list_dc_coef_minus8
				r.skipUE(1 + 64)
			default:
				r.skipUE(16 << (2 * size))
			}
		}
	}
}

// maxDeltas is the most pictures that a reference picture set can have: sps_max_dec_pic_buffering_minus1 is at most 15.
const maxDeltas = 16

// shortTermSet is a short-term reference picture set: distances in picture order, first the past ones, then the coming ones.
// The next set may be told by its difference from this one, so that its length in bits hangs on these.
type shortTermSet struct {
	deltas      [maxDeltas]int32
	past, total int
}

func (s *shortTermSet) add(delta int32) {
	if s.total < maxDeltas {
		s.deltas[s.total] = delta
		s.total++
	}
}

// skipShortTermSets passes over the short-term reference picture sets (ITU-T H.265 section 7.3.7).
func skipShortTermSets(r *bitReader) (ok bool) {
	n := r.ue() // num_short_term_ref_pic_sets
	if n > 64 {
		return false
	}
	var set shortTermSet
	for i := range n {
		predicted := i > 0 && r.flag() // inter_ref_pic_set_prediction_flag
		switch {
		case r.short:
			return false
		case predicted:
			set = predictedSet(r, &set)
		default:
			if set, ok = explicitSet(r); !ok {
				return false
			}
		}
	}
	return true
}

func explicitSet(r *bitReader) (set shortTermSet, ok bool) {
	past, coming := r.ue(), r.ue() // num_negative_pics, num_positive_pics
	if past > maxDeltas || coming > maxDeltas-past {
		return set, false
	}
	delta := int32(0)
	for i := range past + coming {
		step := int32(r.ue()&0x7fff) + 1 // delta_poc_s0_minus1, delta_poc_s1_minus1
		r.flag()                         // used_by_curr_pic_flag
		switch {
		case i < past:
			delta -= step
		case i == past:
			delta = step
		default:
			delta += step
		}
		set.add(delta)
	}
	set.past = int(past)
	return set, true
}

// predictedSet derives a set from the one before it by equations 7-61 and 7-62 of ITU-T H.265: every distance moves by the
// same step, as does the picture itself, except those that a flag leaves out.
func predictedSet(r *bitReader, ref *shortTermSet) (set shortTermSet) {
	negative := r.flag()             // delta_rps_sign
	step := int32(r.ue()&0x7fff) + 1 // abs_delta_rps_minus1
	if negative {
		step = -step
	}
	var kept [maxDeltas + 1]bool // use_delta_flag; the last is the picture itself
	for j := range kept[:ref.total+1] {
		used := r.flag() // used_by_curr_pic_flag
		kept[j] = used || r.flag()
	}
	keep := func(j int, sign int32) {
		delta := step
		if j < ref.total {
			delta += ref.deltas[j]
		}
		if kept[j] && delta*sign > 0 {
			set.add(delta)
		}
	}
	for j := ref.total - 1; j >= ref.past; j-- {
		keep(j, -1)
	}
	keep(ref.total, -1)
	for j := range ref.past {
		keep(j, -1)
	}
	set.past = set.total
	for j := ref.past - 1; j >= 0; j-- {
		keep(j, 1)
	}
	keep(ref.total, 1)
	for j := ref.past; j < ref.total; j++ {
		keep(j, 1)
	}
	return set
}
