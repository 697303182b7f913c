package fault

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"testing"
)

// Goal: no code without a meaning. Method: read the constants of type Code out of the source and look each one up.
func TestEveryCodeHasARow(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "fault.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	declared := map[string]bool{}
	for _, decl := range file.Decls {
		group, ok := decl.(*ast.GenDecl)
		if !ok || group.Tok != token.CONST {
			continue
		}
		for _, spec := range group.Specs {
			value := spec.(*ast.ValueSpec)
			if kind, ok := value.Type.(*ast.Ident); !ok || kind.Name != "Code" {
				continue
			}
			declared[value.Values[0].(*ast.BasicLit).Value] = true
			for code := range table {
				if fmt.Sprint(uint16(code)) == value.Values[0].(*ast.BasicLit).Value {
					delete(declared, value.Values[0].(*ast.BasicLit).Value)
				}
			}
		}
	}
	if len(declared) != 0 {
		t.Errorf("codes without a row in the table: %v", declared)
	}
	names := map[string]Code{}
	for _, code := range Codes() {
		r := table[code]
		if r.name == "" || r.class == "" || r.public == "" || r.status < 400 || r.status > 599 || r.exit < 1 || r.exit > 255 {
			t.Errorf("row of code %d is incomplete: %+v", code, r)
		}
		if other, ok := names[r.name]; ok {
			t.Errorf("codes %d and %d are both called %s", other, code, r.name)
		}
		names[r.name] = code
	}
}

// Goal: numbers never change, since they are stored and cross wires. Method: spell them out a second time.
func TestCodesAreAppendOnly(t *testing.T) {
	want := []string{"internal", "invalid", "notFound", "exists", "conflict", "unauthenticated", "denied", "tooLarge", "limit",
		"overloaded", "unavailable", "timeout", "canceled", "unsupported", "network", "refused", "corrupt"}
	for i, name := range want {
		if got := Code(i + 1).String(); got != name {
			t.Errorf("code %d is %s, was %s", i+1, got, name)
		}
	}
	if got := len(Codes()); got < len(want) {
		t.Errorf("%d codes, were %d", got, len(want))
	}
}

func TestErrors(t *testing.T) {
	cause := errors.New("disk on fire")
	tests := []struct {
		name   string
		err    error
		code   Code
		text   string
		public string
		hint   string
	}{
		{name: "nil"},
		{name: "plain", err: cause, code: Internal, text: "disk on fire", public: "internal error"},
		{name: "canceled", err: fmt.Errorf("read: %w", context.Canceled), code: Canceled, text: "read: context canceled", public: "canceled"},
		{name: "deadline", err: context.DeadlineExceeded, code: Timeout, text: "context deadline exceeded", public: "timed out"},
		{name: "new", err: New(Invalid, "parse route", "no host"), code: Invalid, text: "parse route: no host", public: "no host"},
		{name: "wrap", err: Wrap(Corrupt, "open db", cause), code: Corrupt, text: "open db: disk on fire", public: "stored data is damaged"},
		{name: "bare", err: &Error{Code: Limit}, code: Limit, text: "limit", public: "a limit has been reached"},
		{
			name: "message and hint below", code: Unavailable,
			err:  Wrap(Unavailable, "deploy", fmt.Errorf("step 2: %w", &Error{Code: Limit, Message: "too many workers", Hint: "delete one"})),
			text: "deploy: step 2: too many workers", public: "too many workers", hint: "delete one",
		},
		{name: "unknown code", err: &Error{Code: 999, Message: "m"}, code: 999, text: "m", public: "m"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := CodeOf(test.err); got != test.code {
				t.Errorf("code %v, want %v", got, test.code)
			}
			if test.err != nil && test.err.Error() != test.text {
				t.Errorf("text %q, want %q", test.err.Error(), test.text)
			}
			if got := Public(test.err); got != test.public {
				t.Errorf("public %q, want %q", got, test.public)
			}
			if got := HintOf(test.err); got != test.hint {
				t.Errorf("hint %q, want %q", got, test.hint)
			}
		})
	}
	if !errors.Is(Wrap(Corrupt, "open db", cause), cause) {
		t.Error("the cause cannot be found in the chain")
	}
	if got := Code(999).HTTPStatus(); got != 500 {
		t.Errorf("status of an unknown code %d, want 500", got)
	}
}
