package share

// held are the tips whose duplicates the submissions of a batch are held against: they must not be forgotten before Judge, as
// they would not have been before Check.
type held struct {
	tips []heldTip
}

type heldTip struct {
	tip       *tip
	validator *Validator
}

// hold keeps what p is held against until release.
func (h *held) hold(p *pending) {
	if p.tip == nil {
		return
	}
	for i := len(h.tips) - 1; i >= 0; i-- {
		if h.tips[i].tip == p.tip {
			return
		}
	}
	h.tips = append(h.tips, heldTip{p.tip, p.validator})
	p.validator.hold(p.tip)
}

func (h *held) release() {
	for _, t := range h.tips {
		t.validator.letGo(t.tip)
	}
	clear(h.tips)
	h.tips = h.tips[:0]
}
