package wish

import "bongsu/broadcast"

// Formats lists the offer's supported codecs under its payload types, in its order of preference.
func (o *Offer) Formats() []broadcast.Format { return formats(o.Media) }

func formats(media []Media) []broadcast.Format {
	var all []broadcast.Format
	for _, m := range media {
		for _, c := range m.Codecs {
			f := broadcast.Format{Codec: c.Codec, PayloadType: c.PayloadType}
			for rtx, repaired := range m.RTX {
				if repaired == c.PayloadType {
					f.RTX = rtx
				}
			}
			all = append(all, f)
		}
	}
	return all
}
