// Package nearest finds the word a person probably meant: for "did you mean …" in diagnostics about keys, flags and names.
// It is not a search: it compares one word with a short list. Pure; starts no goroutine.
package nearest

import "strings"

// To returns the word of among that is closest to word, or "" if none is close enough to be worth suggesting. Case and
// the difference between "-" and "_" cost nothing. Equally close words: the first wins.
func To(word string, among []string) string {
	folded := fold(word)
	best, bestCost := "", 1+len(folded)/3
	for _, candidate := range among {
		if cost := distance(folded, fold(candidate), bestCost); cost < bestCost {
			best, bestCost = candidate, cost
		}
	}
	return best
}

func fold(s string) string {
	return strings.ReplaceAll(strings.ToLower(s), "-", "_")
}

// distance is the Damerau-Levenshtein distance (optimal string alignment) of a and b in bytes, or limit if it is limit or more.
func distance(a, b string, limit int) int {
	if diff := len(a) - len(b); diff >= limit || -diff >= limit {
		return limit
	}
	before, previous, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range previous {
		previous[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		least := i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(previous[j]+1, row[j-1]+1, previous[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
			least = min(least, row[j])
		}
		if least >= limit {
			return limit
		}
		before, previous, row = previous, row, before
	}
	return min(previous[len(b)], limit)
}
