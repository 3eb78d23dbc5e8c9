package stratum

import (
	mathbits "math/bits"
	"strconv"
	"time"
)

// configure answers a mining.configure (BIP 310): each extension in the order asked, true where it is granted. What is not known, or
// can't be granted as asked, is false and changes nothing.
func (c *ServerSession) configure(dst []byte, m *Message, now time.Time) []byte {
	if !m.HasID() {
		return dst
	}
	q, err := m.ConfigureRequest()
	if err != nil {
		return refuse(dst, m, CodeOther, err.Error())
	}
	result := []byte{'{'}
	answer := func(name string, granted bool) {
		if len(result) > 1 {
			result = append(result, ',')
		}
		result = appendText(result, name)
		result = append(result, ':')
		result = strconv.AppendBool(result, granted)
	}
	harder := false
	for _, extension := range q.Extensions {
		switch extension {
		case extensionVersionRolling:
			granted := c.roll(q.Mask, q.MinBits)
			if answer(extension, granted); granted {
				result = appendHex32(append(result, `,"`+versionRollingMask+`":`...), c.mask)
			}
		case extensionMinimumDifficulty:
			d := q.MinimumDifficulty
			granted := d <= c.server.vardiff().Max
			if answer(extension, granted); granted {
				harder, c.least = true, d
				c.want(c.wanted.number)
			}
		case extensionSubscribeExtranonce:
			c.extranonces = true
			answer(extension, true)
		case extensionInfo:
			if c.userAgent == "" {
				c.userAgent = readable([]byte(q.Software), maxWords)
			}
			answer(extension, true)
		default:
			answer(extension, false)
		}
	}
	dst = reply(dst, m, string(append(result, '}')))
	if harder {
		dst = c.wish(dst, now)
	}
	return dst
}

// roll grants the version bits that are asked for, as far as they may be rolled. Fewer than the miner can use are none.
func (c *ServerSession) roll(asked uint32, minBits int) bool {
	granted := asked & c.maskLimit
	if granted == 0 || mathbits.OnesCount32(granted) < minBits {
		return false
	}
	c.rolling, c.maskAsked, c.mask = true, asked, granted
	c.shares.SetMask(granted)
	return true
}

// SetVersionMask says which version bits the miner may roll at most from now on, instead of those of the ServerConfig. If that changes what
// it was granted, it is told so; the change holds at once, for jobs sent before too (BIP 310).
func (c *ServerSession) SetVersionMask(dst []byte, mask uint32) []byte {
	c.maskLimit = mask
	granted := c.maskAsked & mask
	if !c.rolling || granted == c.mask || c.closed {
		return dst
	}
	c.mask = granted
	c.shares.SetMask(granted)
	return AppendSetVersionMask(dst, granted)
}
