package serve

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

var sessionNames struct {
	once    sync.Once
	process string
	count   atomic.Uint64
}

// SessionName returns a new name for a connection, different in all processes at all times: 16 letters and digits of the process, and
// a number. Names of later processes sort after those of earlier ones.
func SessionName() string {
	n := &sessionNames
	n.once.Do(func() {
		var b [10]byte
		binary.BigEndian.PutUint64(b[:], uint64(time.Now().Unix())<<24) // 40 bits last until the year 36 812
		_, _ = rand.Read(b[5:])                                         // it never errs
		n.process = base32.NewEncoding("0123456789abcdefghijkmnpqrstuvwx").EncodeToString(b[:])
	})
	return n.process + "-" + strconv.FormatUint(n.count.Add(1), 10)
}
