package compat

//go:generate go run ./gen -root ../..
