package broadcast

// LayerInfo is an encoding of the picture as viewers may know it.
type LayerInfo struct {
	RID           string // "" without simulcast
	Width, Height int    // pixels; 0 when not known
	Bitrate       int    // bits per second of payload over the last seconds; 0 when there was none for two
}

// Status is what a viewer may know of its stream at one moment.
type Status struct {
	Turns   uint64          // how often the stream has gone live or offline since it is there; odd while it is live
	Turn    <-chan struct{} // closes when that changes
	Viewers int
	Layers  []LayerInfo // of the picture, in the order in which they came
}

// Live tells whether somebody is seen.
func (s Status) Live() bool { return s.Turns%2 == 1 }

// Status describes the stream. It is cheap enough to be asked for every second by every viewer.
func (s *Subscriber) Status() Status {
	st := s.stream
	st.hub.mu.Lock()
	now := Status{Turns: st.turns, Turn: st.turn, Viewers: st.viewers}
	st.hub.mu.Unlock()
	if !now.Live() {
		return now
	}
	for _, l := range st.videoLayers() {
		i := LayerInfo{RID: l.rid, Width: int(l.stats.width.Load()), Height: int(l.stats.height.Load())}
		if st.hub.now()-l.stats.lastPacket.Load() <= asleepAfter {
			i.Bitrate = int(l.stats.average.Load())
		}
		now.Layers = append(now.Layers, i)
	}
	return now
}

// turned notes that the stream has gone live or offline. The caller holds hub.mu.
func (s *Stream) turned() {
	s.turns++
	close(s.turn)
	s.turn = make(chan struct{})
}
