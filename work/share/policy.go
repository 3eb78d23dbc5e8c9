package share

import "time"

// Policy says how shares are judged, where pools disagree. Its zero value is strict: the rules that nobody can argue with.
// [Presets] are policies of well-known pools. A policy is a value: copy one and change it to make another. It must not change
// while a Validator uses it.
//
// Whatever the policy, the header is built as soon as the submission names a known job and its fields have values, and is held
// against the network's target: no policy hides a block.
type Policy struct {
	// Name is for reports; "" stands for "strict".
	Name string
	// Rules are tried in order; the first that refuses is the verdict. nil stands for strict's.
	Rules []Rule
	// Fields is how text becomes values. Default: exactly.
	Fields FieldRule
	// Combine is how version bits and the job's version make the header's. Default: Replace (BIP 310).
	Combine Combine
	// Mask is the pool's own mask of version bits: it holds where none was granted too. Default: only a granted mask holds.
	Mask uint32
	// MaskInstead holds instead of any mask that was granted, and not where none was. Default: the granted one holds.
	MaskInstead uint32
	// BitsUnchecked lets bits outside the mask pass.
	BitsUnchecked bool
	// BitsOptional lets submissions without version bits pass where a mask was granted.
	BitsOptional bool
	// BitsIgnored is where version bits are as if they were not there. Default: nowhere.
	BitsIgnored BitsIgnored
	// TimeFrom is the earliest ntime. Default: FromMinTime.
	TimeFrom TimeFrom
	// TimeTo is what the latest ntime is counted from. Default: AfterClock.
	TimeTo TimeTo
	// TimeAhead is by how many whole seconds ntime may be after TimeTo. Default: 7200 seconds.
	TimeAhead time.Duration
	// Difficulty is which of the session's difficulties a share must reach. Default: AsSent.
	Difficulty DifficultyRule
	// Tolerance and PreviousTolerance are how many thousandths of the difficulty, and of the one before it, are enough. Default, and
	// below 0: 1000.
	Tolerance, PreviousTolerance int
	// BlocksPass lets a block pass the rule CheckDifficulty.
	BlocksPass bool
	// Key is what two duplicates have in common. Default: HeaderHash.
	Key KeyRule
	// Scope is among which submissions duplicates are looked for. Default: WholePool.
	Scope Scope
	// JobAge forgets jobs that long after they were sent, but never the newest; 0: they live as strict's, see [Forgotten].
	JobAge time.Duration
	// JobCount forgets all but so many of the jobs sent last; 0: all are remembered.
	JobCount int
	// JobCountClean forgets, whenever a job is sent with clean_jobs, all but so many of those sent last; 0: all are remembered.
	JobCountClean int
	// JobsOfTip forgets jobs as soon as one with another previous block is sent.
	JobsOfTip bool
	// ShareAge is how long after a job was sent CheckAge lets shares pass.
	ShareAge time.Duration
}

// Rule is one step of a policy.
type Rule struct {
	Check Check
	// Says are the pool's own words when it refuses, copied to [Verdict.Said].
	Says string
}

// Check is something that can be wrong with a share. Each stands for the word it refuses with.
type Check uint8

// The checks.
const (
	CheckShape       Check = iota // malformed: not the shape of a submission
	CheckSubscribed               // unauthorized: before mining.subscribe
	CheckAuthorized               // unauthorized: before mining.authorize
	CheckWorkerGiven              // malformed: an empty worker name
	CheckWorker                   // unauthorized: not the name authorized last
	CheckJobGiven                 // unknown-job: an empty job id
	CheckJob                      // unknown-job
	CheckExtranonce2              // bad-extranonce2
	CheckBitsGiven                // bad-version: no version bits, where a mask was granted
	CheckBitsWanted               // bad-version: version bits, where none was
	CheckVersion                  // bad-version, whatever is wrong with it
	CheckTime                     // bad-ntime: no value
	CheckNonce                    // bad-nonce
	CheckBlock                    // refuses nothing: a header that gets here and is a block is sent to the node
	CheckStale                    // stale: the job is not of the newest previous block
	CheckAge                      // stale: longer than ShareAge after the job was sent
	CheckTimeFrom                 // bad-ntime: too early
	CheckTimeTo                   // bad-ntime: too late
	CheckZeros                    // low-difficulty: the hash has not 32 leading zero bits
	CheckDifficulty               // low-difficulty
	CheckDuplicate                // duplicate; what passes is remembered, even if a later rule refuses it
)

// strictRules are those of the zero Policy.
var strictRules = []Rule{
	{Check: CheckBlock}, // a block is a block, whatever comes next
	{Check: CheckShape},
	{Check: CheckSubscribed},
	{Check: CheckAuthorized},
	{Check: CheckJob},
	{Check: CheckExtranonce2},
	{Check: CheckVersion},
	{Check: CheckTime},
	{Check: CheckNonce},
	{Check: CheckStale},
	{Check: CheckTimeFrom},
	{Check: CheckTimeTo},
	{Check: CheckDifficulty},
	{Check: CheckDuplicate}, // last, so that only credited shares are remembered
}

// Combine is how version bits and the job's version make the header's version.
type Combine uint8

// The ways to combine.
const (
	Replace Combine = iota // (job &^ mask) | (bits & mask), as BIP 310 says
	Or                     // job | bits: bits of the job inside the mask can't be cleared
	Xor                    // job ^ bits: the bits are a difference
	Whole                  // (job &^ mask) | bits: as if a whole version came; bits outside the mask must be those of the job
)

// BitsIgnored is where version bits are as if they were not there.
type BitsIgnored uint8

// Where.
const (
	IgnoredNowhere    BitsIgnored = iota
	IgnoredUngranted              // where no mask was granted
	IgnoredEverywhere             // the pool knows no version rolling
)

// TimeFrom is the earliest ntime.
type TimeFrom uint8

// The earliest times.
const (
	FromMinTime TimeFrom = iota // the template's mintime; the job's ntime where that is unknown, as it is to onlookers
	FromJobTime                 // the job's ntime
)

// TimeTo is what the latest ntime is counted from.
type TimeTo uint8

// What it is counted from.
const (
	AfterClock   TimeTo = iota // the time when the submission came
	AfterJobTime               // the job's ntime
)

// DifficultyRule is which of a session's difficulties a share must reach.
type DifficultyRule uint8

// The rules.
const (
	AsSent            DifficultyRule = iota // that in force when the job was sent
	Current                                 // that in force when the submission came
	ByChange                                // that in force when it came, but for jobs sent before it was set: the one before it
	CurrentOrPrevious                       // that in force when it came, or else the one before it, whichever job it is
)

// KeyRule is what two duplicates have in common.
type KeyRule uint8

// The keys.
const (
	HeaderHash      KeyRule = iota // the hash of the header
	Numbers                        // the extranonces, ntime, nonce and version, as numbers
	TextAll                        // the texts of version bits ("0" if there are none), nonce, extranonce2, ntime and job, one after the other
	TextWithoutBits                // the texts of extranonce1, extranonce2, ntime and nonce, one after the other
)

// Scope is among which submissions duplicates are looked for.
type Scope uint8

// The scopes.
const (
	WholePool  Scope = iota // those of all sessions
	OneSession              // those of the session
	OneJob                  // those for the same job, sent to the same session
)

// rules returns the rules in force.
func (p *Policy) rules() []Rule {
	if p.Rules == nil {
		return strictRules
	}
	return p.Rules
}

// aged says that it matters how long ago a job was sent.
func (p *Policy) aged() bool { return p.JobAge > 0 || p.ShareAge > 0 }

// String returns the policy's name.
func (p *Policy) String() string {
	if p.Name == "" {
		return "strict"
	}
	return p.Name
}
