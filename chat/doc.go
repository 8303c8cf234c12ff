// Package chat is the room beside each stream: who is there, what they say, and who may stop them from saying it.
//
// It knows no transport. A member is what joined over a data channel, a WebSocket, or server-sent events with POST: text frames
// of JSON come in by [Member.Receive], and go out by [Member.Next]; [Rooms.Serve] does both for a connection. docs/chat.md has
// the protocol, docs/chat.schema.json its schema.
//
// A message takes this way: Receive checks it and stamps it with an id and the server's time; it goes over the bus, on a core
// subject that one JetStream stream listens to for the history; every node with members in the room gets it once, encoded for
// good, and puts it into the room's newest frame. A member has a cursor into the chain of frames and no queue: a slow one is
// set forward. Rooms with many members send a frame every 100 ms rather than one for each message.
//
// What moderators decide stands in a [ledger], on disk and in a JetStream bucket, and outlives both the process and either
// of the two.
package chat
