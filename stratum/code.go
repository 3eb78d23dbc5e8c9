package stratum

import "github.com/touchstone-btc/touchstone/work/share"

// The codes of errors that servers answer a mining.submit with. There is no standard; these are what most do.
const (
	CodeOther         = 20
	CodeJobNotFound   = 21 // stale too
	CodeDuplicate     = 22
	CodeLowDifficulty = 23
	CodeUnauthorized  = 24
	CodeNotSubscribed = 25
)

// Code returns the code and the text of the error that answers a submission with this verdict, 0 and "" if it is credited. The text
// is the pool's own where the policy has such, and otherwise the verdict's word with what was wrong.
func Code(v *share.Verdict) (code int, text string) {
	switch v.Word {
	case share.Accepted, share.Block:
		return 0, ""
	case share.UnknownJob, share.Stale:
		code = CodeJobNotFound
	case share.Duplicate:
		code = CodeDuplicate
	case share.LowDifficulty:
		code = CodeLowDifficulty
	case share.Unauthorized:
		if code = CodeUnauthorized; v.Unsubscribed() {
			code = CodeNotSubscribed
		}
	default:
		code = CodeOther
	}
	if v.Said != "" {
		return code, v.Said
	}
	text = v.Word.String()
	if detail := v.Detail(); detail != "" {
		text += ": " + detail
	}
	return code, text
}
