package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// defaultFile is read when no other file is named, if it is there.
const defaultFile = "bongsu.yaml"

// environmentPrefix begins the name of each variable that is ours.
const environmentPrefix = "BONGSU_"

// fileLayer reads a YAML file. Its values stay texts, so that a key of digits remains what was written.
func fileLayer(name string, known keys) (layer, error) {
	given := name != ""
	if !given {
		name = defaultFile
	}
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) && !given {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()

	var document, second yaml.Node
	decoder := yaml.NewDecoder(f)
	switch err := decoder.Decode(&document); {
	case errors.Is(err, io.EOF):
		return nil, nil // nothing but comments
	case err != nil:
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if err := decoder.Decode(&second); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: there is more than one YAML document in it; keep one", name)
	}
	var values any // decoded for its errors: duplicate keys, anchors that hold themselves
	if err := document.Decode(&values); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	r := fileReader{name: name, known: known, layer: layer{}}
	r.read("", document.Content[0])
	return r.layer, errors.Join(r.problems...)
}

// fileReader turns YAML nodes into settings.
type fileReader struct {
	name     string
	known    keys
	layer    layer
	problems []error
}

func (r *fileReader) read(path string, n *yaml.Node) {
	origin := fmt.Sprintf("%s:%d", r.name, n.Line)
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	pattern, value := r.known.pattern(path)
	switch {
	case n.Tag == "!!null" && (value || r.known.section(path)):
		// A key with nothing behind it says nothing.
	case value && n.Kind == yaml.ScalarNode:
		r.layer[path] = setting{n.Value, origin}
	case value && n.Kind == yaml.SequenceNode && !slices.ContainsFunc(n.Content, func(item *yaml.Node) bool { return item.Kind != yaml.ScalarNode }):
		list := []string{}
		for _, item := range n.Content {
			list = append(list, item.Value)
		}
		r.layer[path] = setting{list, origin}
	case value:
		r.problem("%s: %s: it must be %s", origin, display(path), allowed(pattern))
	case !r.known.section(path):
		r.problem("%s: unknown key %q%s", origin, display(path), r.known.suggest(path))
	case n.Kind != yaml.MappingNode && path == "":
		r.problem("%s: this is not a list of keys and values", origin)
	case n.Kind != yaml.MappingNode:
		r.problem("%s: %s: there must be keys below it, not %q", origin, display(path), n.Value)
	default:
		r.readMapping(path, n)
	}
}

func (r *fileReader) readMapping(path string, n *yaml.Node) {
	for name, value := range pairs(n) {
		if name.Tag == "!!merge" {
			r.read(path, value) // first, since the mapping's own keys win
		}
	}
	for name, value := range pairs(n) {
		switch {
		case name.Tag == "!!merge":
		case strings.Contains(name.Value, separator):
			r.problem("%s:%d: %q can't be a key: there is a %q in it", r.name, name.Line, name.Value, separator)
		default:
			r.read(join(path, name.Value), value)
		}
	}
}

func pairs(mapping *yaml.Node) iter.Seq2[*yaml.Node, *yaml.Node] {
	return func(yield func(name, value *yaml.Node) bool) {
		for pair := range slices.Chunk(mapping.Content, 2) {
			if !yield(pair[0], pair[1]) {
				return
			}
		}
	}
}

func (r *fileReader) problem(format string, args ...any) {
	r.problems = append(r.problems, fmt.Errorf(format, args...))
}

// environmentLayer reads the variables BONGSU_..., of which an empty one says nothing.
func environmentLayer(environ []string, known keys) (layer, error) {
	paths := map[string]string{}
	for path := range known {
		if !strings.Contains(path, anyName+separator) { // a stream takes more than a variable can say
			paths[variable(path)] = path
		}
	}
	l, problems := layer{}, []error(nil)
	for _, entry := range environ {
		name, text, _ := strings.Cut(entry, "=")
		path, found := paths[name]
		origin := "environment " + name
		switch {
		case !strings.HasPrefix(name, environmentPrefix), text == "", isForeign(name):
		case !found && known.section(strings.ToLower(strings.TrimPrefix(name, environmentPrefix))):
			problems = append(problems, fmt.Errorf("%s: a variable can't hold this section; write it in %s", origin, defaultFile))
		case !found:
			problems = append(problems, fmt.Errorf("%s: unknown variable%s", origin, didYouMean(name, slices.Collect(maps.Keys(paths)))))
		case strings.HasSuffix(path, anyName):
			problems = append(problems, l.addPairs(path, text, origin))
		default:
			l[path] = setting{text, origin}
		}
	}
	return l, errors.Join(problems...)
}

// addPairs reads "name=value,other=value" for a key path that ends with a name.
func (l layer) addPairs(path, text, origin string) error {
	for pair := range strings.SplitSeq(text, ",") {
		name, value, found := strings.Cut(strings.TrimSpace(pair), "=")
		if !found || name == "" || strings.Contains(name, separator) {
			return fmt.Errorf(`%s: %s: it must be a list such as "name=value,other=value"`, origin, display(parent(path)))
		}
		l[join(parent(path), name)] = setting{value, origin}
	}
	return nil
}

// variable is the name of the environment variable for a key: "log/level" is BONGSU_LOG_LEVEL, "keys/*" BONGSU_KEYS.
func variable(path string) string {
	path = strings.TrimSuffix(path, separator+anyName)
	return environmentPrefix + strings.ToUpper(strings.ReplaceAll(path, separator, "_"))
}

// isForeign knows the variables that are no keys: those that stand for a flag of the command line (--config, --token), and those that
// Kubernetes sets in every container of a namespace where a service is called "bongsu".
func isForeign(name string) bool {
	links := regexp.MustCompile(`^BONGSU_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$`)
	return name == "BONGSU_CONFIG" || name == "BONGSU_TOKEN" || links.MatchString(name)
}

// flagLayer takes what was given on the command line.
func flagLayer(flags map[string]any) layer {
	l := layer{}
	for path, value := range flags {
		l[path] = setting{value, "flag --" + flagName(path)}
	}
	return l
}

// flagName is the flag for a key: "log/level" is --log-level, and "tls/mode" --tls.
func flagName(path string) string {
	return strings.NewReplacer(separator, "-", "_", "-").Replace(strings.TrimSuffix(path, separator+"mode"))
}
