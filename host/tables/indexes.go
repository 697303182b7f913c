package main

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
)

// singleByteNames are the encodings that have an index of 128 entries, in the standard's order. ISO-8859-8-I has
// ISO-8859-8's.
var singleByteNames = []string{
	"ibm866", "iso-8859-2", "iso-8859-3", "iso-8859-4", "iso-8859-5", "iso-8859-6", "iso-8859-7", "iso-8859-8", "iso-8859-8-i", "iso-8859-10",
	"iso-8859-13", "iso-8859-14", "iso-8859-15", "iso-8859-16", "koi8-r", "koi8-u", "macintosh", "windows-874", "windows-1250", "windows-1251",
	"windows-1252", "windows-1253", "windows-1254", "windows-1255", "windows-1256", "windows-1257", "windows-1258", "x-mac-cyrillic",
}

// indexes are the standard's, by pointer. 0 (U+FFFD in single) where an index has no code point.
type indexes struct {
	single                                 [][]rune
	gb18030, jis0208, jis0212, eucKR, big5 []rune
	// ranges is "index gb18030 ranges", for sequences of four bytes.
	ranges []codeRange
}

type codeRange struct {
	pointer int
	first   rune
}

// What "index jis0208" has no code points for, since Shift_JIS maps it to private use instead.
const (
	privateUseFirst = 8836
	privateUseLast  = 10715
)

// Lengths of the indexes: one more than the largest pointer that their encodings can make.
const (
	gb18030Size = 126 * 190
	jis0208Size = 60 * 188
	jis0212Size = 94 * 94
	eucKRSize   = 126 * 190
	big5Size    = 126 * 157
	rangesSize  = 39418 // pointers of the Basic Multilingual Plane
)

// gb18030of2022 are the code points that the standard took over from GB 18030-2022 in place of private use ones, by the
// two bytes; x/text has the older ones (https://github.com/whatwg/encoding/pull/336).
var gb18030of2022 = map[[2]byte]rune{
	{0xa6, 0xd9}: 0xfe10, {0xa6, 0xda}: 0xfe12, {0xa6, 0xdb}: 0xfe11, {0xa6, 0xdc}: 0xfe13, {0xa6, 0xdd}: 0xfe14, {0xa6, 0xde}: 0xfe15,
	{0xa6, 0xdf}: 0xfe16, {0xa6, 0xec}: 0xfe17, {0xa6, 0xed}: 0xfe18, {0xa6, 0xf3}: 0xfe19, {0xfe, 0x59}: 0x9fb4, {0xfe, 0x61}: 0x9fb5,
	{0xfe, 0x66}: 0x9fb6, {0xfe, 0x67}: 0x9fb7, {0xfe, 0x6d}: 0x9fb8, {0xfe, 0x7e}: 0x9fb9, {0xfe, 0x90}: 0x9fba, {0xfe, 0xa0}: 0x9fbb,
}

// privateUse are the code points of gb18030's two-byte sequences that stand for no character: the user-defined areas, and
// single cells, a run of them in each entry. x/text has none of them.
func privateUse() []struct {
	pointer, count int
	first          rune
} {
	type run = struct {
		pointer, count int
		first          rune
	}
	runs := []run{
		{6376, 6, 0xe766}, {6433, 1, 0xe76d}, {6444, 2, 0xe76e}, {6458, 2, 0xe770}, {6829, 11, 0xe772}, {7022, 8, 0xe77d}, {7150, 8, 0xe785},
		{7211, 9, 0xe797}, {7349, 15, 0xe7a0}, {7397, 13, 0xe7af}, {7495, 11, 0xe7bc}, {7538, 4, 0xe7c9}, {7579, 21, 0xe7cd}, {7624, 1, 0xe7e2},
		{7627, 1, 0xe7e3}, {7629, 3, 0xe7e4}, {7686, 13, 0xe7f4}, {7775, 15, 0xe801}, {16525, 5, 0xe810}, {23767, 3, 0xe816}, {23794, 1, 0xe831},
		{23804, 1, 0xe83b}, {23830, 1, 0xe855},
	}
	for row := range 6 { // lead bytes 0xaa to 0xaf
		runs = append(runs, run{7886 + 190*row, 94, rune(0xe000 + 94*row)})
	}
	for row := range 7 { // lead bytes 0xf8 to 0xfe, then 0xa1 to 0xa7
		runs = append(runs, run{22706 + 190*row, 94, rune(0xe234 + 94*row)}, run{6080 + 190*row, 96, rune(0xe4c6 + 96*row)})
	}
	return runs
}

func readIndexes() (indexes, error) {
	var all indexes
	for _, name := range singleByteNames {
		coding, err := htmlindex.Get(name)
		if err != nil {
			return all, err
		}
		index := make([]rune, 128)
		for i := range index {
			switch point := decodeOne(coding, byte(0x80+i)); {
			case point != 0:
				index[i] = point
			case i < 0x20:
				index[i] = rune(0x80 + i) // A byte that the encoding leaves free is the control character in the standard.
			default:
				index[i] = utf8.RuneError
			}
		}
		all.single = append(all.single, index)
	}
	for _, table := range []struct {
		to    *[]rune
		name  string
		size  int
		bytes func(pointer int) []byte
	}{
		{&all.gb18030, "gb18030", gb18030Size, func(p int) []byte { return []byte{byte(0x81 + p/190), gap(p%190, 0x3f, 0x40, 0x41)} }},
		{&all.jis0208, "shift_jis", jis0208Size, func(p int) []byte {
			return []byte{gap(p/188, 0x1f, 0x81, 0xc1), gap(p%188, 0x3f, 0x40, 0x41)}
		}},
		{&all.jis0212, "euc-jp", jis0212Size, func(p int) []byte { return []byte{0x8f, byte(0xa1 + p/94), byte(0xa1 + p%94)} }},
		{&all.eucKR, "euc-kr", eucKRSize, func(p int) []byte { return []byte{byte(0x81 + p/190), byte(0x41 + p%190)} }},
		{&all.big5, "big5", big5Size, func(p int) []byte { return []byte{byte(0x81 + p/157), gap(p%157, 0x3f, 0x40, 0x62)} }},
	} {
		coding, err := htmlindex.Get(table.name)
		if err != nil {
			return all, err
		}
		index := make([]rune, table.size)
		for pointer := range index {
			if table.name == "shift_jis" && pointer >= privateUseFirst && pointer <= privateUseLast {
				continue
			}
			sequence := table.bytes(pointer)
			index[pointer] = decodeOne(coding, sequence...)
			if table.name == "gb18030" {
				if point := gb18030of2022[[2]byte(sequence)]; point != 0 {
					index[pointer] = point
				}
			}
			if point := index[pointer]; point > 0xffff && (table.name != "big5" || point>>16 != 2) {
				return all, fmt.Errorf("pointer %d of %s has the code point U+%X, for which the tables have no room", pointer, table.name, point)
			}
		}
		*table.to = index
	}
	for _, run := range privateUse() {
		for i := range run.count {
			if all.gb18030[run.pointer+i] == 0 {
				all.gb18030[run.pointer+i] = run.first + rune(i)
			}
		}
	}
	all.gb18030[7533] = 0x1e3f // As in GB 18030-2005.
	return all, readRanges(&all)
}

// readRanges reads the four-byte sequences of the Basic Multilingual Plane, and keeps where a run of consecutive code
// points begins.
func readRanges(all *indexes) error {
	coding, err := htmlindex.Get("gb18030")
	if err != nil {
		return err
	}
	expected := rune(0)
	for pointer := range rangesSize {
		point := decodeOne(coding, byte(0x81+pointer/12600), byte(0x30+pointer/1260%10), byte(0x81+pointer/10%126), byte(0x30+pointer%10))
		// U+E7C7 is a special case of the decoder, in the middle of a range; U+FFFD, what x/text gives for errors too, is in one.
		if point == 0xe7c7 || point == 0 {
			expected++
			continue
		}
		if point != expected {
			all.ranges = append(all.ranges, codeRange{pointer, point})
		}
		expected = point + 1
	}
	all.ranges = append(all.ranges, codeRange{189000, 0x10000})
	return nil
}

// gap adds below to n if n is less than limit, else above: the way the standard leaves out bytes in the middle.
func gap(n, limit, below, above int) byte {
	if n < limit {
		return byte(n + below)
	}
	return byte(n + above)
}

// decodeOne returns the one code point that a byte sequence stands for, 0 if it stands for none or for several.
func decodeOne(coding encoding.Encoding, sequence ...byte) rune {
	text, err := coding.NewDecoder().Bytes(sequence)
	if err != nil || strings.ContainsRune(string(text), utf8.RuneError) || utf8.RuneCount(text) != 1 {
		return 0
	}
	point, _ := utf8.DecodeRune(text)
	return point
}
