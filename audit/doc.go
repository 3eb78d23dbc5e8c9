// Package audit says what shares prove about the machine that sent them: how fast it hashes, and how sure that is; whether that fits
// what it claims; whether shares are missing at the top, at times, or from parts of the nonce space; whether its conduct on the wire
// is clean. With every finding it says how often such findings are wrong, what was allowed for, and what the test cannot see.
//
// It is statistics over shares that somebody judged and over what the machine claims. It does not judge shares, reads no
// clock (time is an argument), no file and no socket, starts no goroutine, and changes nothing about a machine. What it keeps does
// not grow with the number of shares, is brought up to date share by share, can be written as JSON and read back, and two parts of
// one record can be merged.
//
// # Rates
//
// A machine that computes H hashes a second finds shares as a Poisson process: under a target t, which takes
// w = 2^256/(t+1) hashes on average, H/w of them a second. So the number of shares that were found while targets t_k were in
// force for T_k seconds each has the mean H·E, where E = Σ T_k/w_k is the [Exposure], in seconds per hash. The number alone
// holds all that the shares say about H: the [Rate] is N/E. Looked at once, after a time that does not depend on the shares, the exact
// interval is that of a Poisson count ([Garwood]) divided by E. Looked at again and again, or where the pool sets the difficulty by
// the shares it saw, it is [Sequence]: with the probability promised it is right at all moments at once.
//
// A hash is one SHA-256d of one header. Shares are those that the auditor received and found good; what a machine computes
// and does not send proves nothing.
//
// # The way of the data
//
// A [Fleet] has a [Device] for each machine. Whoever reads a record, or looks on live, tells the device what happens: connections that
// open and close, jobs, shares with their verdicts, answers, claims, and where the record itself has holes. The device makes of that a
// clean stream of two things: time in which shares could come, with the difficulty that counts, and shares that count. All rules
// about jobs in flight, changes of difficulty, filters in the hardware, switches of blocks, lost connections and clocks that jump are
// there, once, and each is decided by what came before, never by hindsight. From the stream the tests keep counts, and from the counts
// come the findings of a [DeviceReport]. A [FleetReport] adds what only shows in all machines together.
//
// A [Finding] is of one of four kinds. A [Fact] was seen: a hash that does not meet its target, a share sent twice. [Evidence] has an
// e-value, [Surveillance] a rate of false alarms, and a [Description] accuses nobody.
//
// # Error control
//
// What may go wrong, and how often, is in the [Plan], which is made before the data; its hash can be committed to beforehand, and is in
// every report and every state.
//
// An e-value is what somebody who bets against an honest machine has made of a stake of 1. The bets are such that an honest machine
// lets nobody win on average, whatever came before; so the chance that the stake ever grows to x, at whatever moment one looks, is
// 1/x at most (Ville 1939), and one may look at every share, for ever. Differently from p-values, e-values of tests that depend on each
// other may be averaged. The combined e-value of a device is the mean over its evidence: the tests of claim (less, and more, than
// claimed), tail, block luck, periods, cells, latency, arrivals and invalid rate, and the product of claim, tail and cells, which is
// one too, because each of the three expects nothing whatever happened in the other two.
//
// A test gives an alarm when its e-value reaches m·K/Alpha, for m tests and K devices (where there are several, the fleet as a whole is one
// more): by the union bound, the chance that any honest machine is ever accused so is below Alpha. Over the devices, [EBH] names those
// whose combined e-values now are large enough together; of these, the part that is honest is below Alpha on average, however
// devices depend on each other (Wang and Ramdas 2022).
//
// Evidence accumulates against the one machine that is looked at for long, but a machine that was honest for a year and then stops
// being so hides behind its past. For that there is surveillance: detectors that begin anew at every moment, whose false alarms are so
// rare that the plan can state how many expected shares or days lie between two. An alarm of surveillance is a reason to look, not
// a proof.
//
// What an honest machine may lose is allowed for: the plan's Tolerance for claims, Drift for its own rate, Lag for shares on their way,
// SwitchLoss after new blocks. What lies within cannot be seen.
//
// # What it cannot see
//
//   - A single machine that keeps back nothing but blocks: at 200 TH/s and a network difficulty of 1.5e14 it takes hundreds of years
//     until the blocks that don't come prove something. The report says so, with the machine's own numbers.
//   - What a machine computes for others while it is disconnected, or while nobody looks: the report says how long that was.
//   - Misconduct that waits for a day, a job or a sign: that a machine was honest for as long as it was watched promises nothing.
//   - Whose fault it is. A proxy, a switch or a tired fan makes some of the same traces; the limits of each finding name them.
//   - A claim that is itself too low, and shares bought or borrowed from another machine.
//
// # Time
//
// Times go into a device in the order in which things happened. One that goes back by up to two seconds is taken for the latest so far;
// while times are further back, no time passes and no share counts, and the report says so. One far ahead is believed when a second
// one confirms it, and the stretch between is a hole in the record: nobody was looking.
//
// # State
//
// Device and Fleet are written as JSON, with a version, the plan and its hash, and read back strictly: what is taken can be used. A device
// takes less than 64 KB, whatever its history. Merge joins a later part of the record: counts, exposures and the bets of most tests
// multiply exactly; a test that learns from the first part what the second is held against (drop, gap, cells) says in its own
// documentation what it does. Peaks of e-values are those of the parts and of the end.
package audit
