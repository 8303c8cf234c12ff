package web

import "embed"

// dist is the front end's build ("make web"). Without one it holds only .gitkeep.
//
//go:embed all:dist
var dist embed.FS

// templates are the bits of HTML that the server writes itself.
//
//go:embed templates
var templates embed.FS
