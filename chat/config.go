package chat

import (
	"cmp"
	"time"
)

// Config is the configuration of the rooms. A zero takes the default.
type Config struct {
	// Data is the folder for the signing key and the moderators' decisions. Empty: everything is kept in memory.
	Data string `koanf:"-"`
	// Administrator is a bearer token; who joins with it may moderate every room. Empty: nobody is administrator by token.
	Administrator string `koanf:"administrator"`
	// Broadcaster tells whether a credential makes who joins the broadcaster of a stream. Nil: none does.
	Broadcaster func(stream, credential string) bool `koanf:"-"`
	// History is how many messages who joins gets to see (100), at most 500.
	History int `koanf:"history"`
	// Keep is how long messages are kept (24 h).
	Keep time.Duration `koanf:"keep"`
	// MaxBytes bounds the history of all rooms (256 MiB on disk, 64 MiB in memory); the oldest give way.
	MaxBytes int64 `koanf:"max_bytes"`
	// TextLength and NicknameLength are the longest message (500) and nickname (24), in characters.
	TextLength     int `koanf:"text_length"`
	NicknameLength int `koanf:"nickname_length"`
	// Rooms is how many rooms may be open at a time (10,000): anybody can open one, on a stream that nobody publishes, too.
	Rooms int `koanf:"-"`
	// Members is how many connections a room takes (20,000; moderators come in all the same), Connections how many of them one
	// identity may have (5).
	Members     int `koanf:"members"`
	Connections int `koanf:"connections"`
	// Messages a second, and how many at once: of one member (1, 5), of all from one address (5, 20), of a room (50, 100).
	Rate         float64 `koanf:"rate"`
	Burst        int     `koanf:"burst"`
	AddressRate  float64 `koanf:"address_rate"`
	AddressBurst int     `koanf:"address_burst"`
	RoomRate     float64 `koanf:"room_rate"`
	RoomBurst    int     `koanf:"room_burst"`
	// Batch is the time between two frames (100 ms) in a room with BatchFrom members or more (200). What comes after a longer
	// silence is sent at once.
	Batch     time.Duration `koanf:"-"`
	BatchFrom int           `koanf:"-"`
}

const (
	logSize     = 500     // records kept of a room, in memory and in JetStream
	maxRequest  = 8 << 10 // bytes of a frame in
	maxFrame    = 32 << 10
	frameWindow = 256 // frames that a member may be behind
	maxNotes    = 128 // frames to one member alone that it may leave unread
)

// DefaultConfig is what holds where nobody says otherwise.
func DefaultConfig() Config { return Config{}.filled() }

func (c Config) filled() Config {
	maxBytes := int64(256 << 20)
	if c.Data == "" {
		maxBytes = 64 << 20
	}
	return Config{
		Data: c.Data, Administrator: c.Administrator, Broadcaster: c.Broadcaster,
		History: min(cmp.Or(c.History, 100), logSize), Keep: cmp.Or(c.Keep, 24*time.Hour), MaxBytes: cmp.Or(c.MaxBytes, maxBytes),
		TextLength: cmp.Or(c.TextLength, 500), NicknameLength: cmp.Or(c.NicknameLength, 24),
		Rooms: cmp.Or(c.Rooms, 10_000), Members: cmp.Or(c.Members, 20_000), Connections: cmp.Or(c.Connections, 5),
		Rate: cmp.Or(c.Rate, 1), Burst: cmp.Or(c.Burst, 5),
		AddressRate: cmp.Or(c.AddressRate, 5), AddressBurst: cmp.Or(c.AddressBurst, 20),
		RoomRate: cmp.Or(c.RoomRate, 50), RoomBurst: cmp.Or(c.RoomBurst, 100),
		Batch: cmp.Or(c.Batch, 100*time.Millisecond), BatchFrom: cmp.Or(c.BatchFrom, 200),
	}
}
