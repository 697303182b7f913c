package nearest

import "testing"

func TestTo(t *testing.T) {
	keys := []string{"name", "main", "minify", "compatibility_date", "compatibility_flags", "kv_namespaces"}
	tests := []struct{ word, want string }{
		{"nmae", "name"},
		{"Main", "main"},
		{"compatability_date", "compatibility_date"},
		{"compatibility-flags", "compatibility_flags"},
		{"kv_namespace", "kv_namespaces"},
		{"minfy", "minify"},
		{"zebra", ""},
		{"x", ""},
		{"", ""},
	}
	for _, test := range tests {
		if got := To(test.word, keys); got != test.want {
			t.Errorf("To(%q) = %q, want %q", test.word, got, test.want)
		}
	}
}
