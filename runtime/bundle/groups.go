package main

type group struct {
	name    string
	modules []string
	idle    []string
}

var groups = []group{}
