package serve

// Banned says that an address is kept out for a while, because a connection from it broke the protocol. Its other connections stay.
type Banned struct {
	Address string  `json:"address"` // an IPv4 address, or the /64 of an IPv6 address
	Reason  string  `json:"reason"`
	For     Seconds `json:"for"`
}

// TurnedAway says that connections were closed before their first line. It is told at most every ten seconds for each reason.
type TurnedAway struct {
	Reason  string `json:"reason"`  // one of the constants Away…
	Count   int    `json:"count"`   // since it was told last
	Address string `json:"address"` // of the last one
	Error   string `json:"error"`   // of the last one, if there is more to say
}

// AcceptFailed says that the operating system gives us no connections now, mostly for want of file descriptors. It is tried again.
type AcceptFailed struct {
	Listen string  `json:"listen"`
	Error  string  `json:"error"`
	Retry  Seconds `json:"retry"`
}

func (Banned) Kind() string       { return "banned" }
func (TurnedAway) Kind() string   { return "turned_away" }
func (AcceptFailed) Kind() string { return "accept_failed" }
