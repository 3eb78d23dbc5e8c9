package node

// An Answer is what a node said of a submitted block.
type Answer struct {
	// Final reports whether sending the block again would not change anything.
	Final bool `json:"final"`
	// Accepted reports whether the node has the block and did not find it
	// invalid.
	Accepted bool `json:"accepted"`
	// Reason is the node's word (BIP 22), empty for plain acceptance.
	Reason string `json:"reason,omitempty"`
	// Text is Reason in plain words, with the node's own where it gave more.
	Text string `json:"text"`
}
