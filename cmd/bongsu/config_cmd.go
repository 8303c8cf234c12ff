package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// ConfigFlags are the options that serve and config share. A flag that was not given is nil.
type ConfigFlags struct {
	Config string `help:"Read this YAML file (default: ./bongsu.yaml, if there is one)." placeholder:"FILE" env:"BONGSU_CONFIG"`

	Listen       *string  `key:"listen" help:"Serve HTTP here (default: :8080)." placeholder:"ADDR"`
	UDP          *string  `key:"udp" name:"udp" help:"The one UDP port for all media (default: :8443). With an address, that address is the only one offered to clients." placeholder:"ADDR"`
	TCP          *string  `key:"tcp" name:"tcp" help:"The TCP port for the media of clients whose network blocks UDP (default: :8443). With \"\" there is none." placeholder:"ADDR"`
	TLS          *string  `key:"tls/mode" name:"tls" help:"With \"self\", serve HTTPS with a certificate made here, for trials. Files of a real one are set in the configuration." placeholder:"MODE"`
	NATPublicIPs []string `key:"nat/public_ips" name:"nat-public-ips" help:"Addresses by which others reach this machine, when they are not its own (NAT, Docker)." placeholder:"IP"`
	TrustProxy   *bool    `key:"trust_proxy" negatable:"" help:"Believe the X-Forwarded headers of a reverse proxy in front."`
	Data         *string  `key:"data" help:"Keep data in this directory, made when first needed (default: ./data)." placeholder:"DIR"`
	Demo         *bool    `key:"demo" negatable:"" help:"Add a stream called \"demo\" that is always live."`
	LogLevel     *string  `key:"log/level" help:"Log this and what is graver: debug, info, warn or error (default: info)." placeholder:"LEVEL"`
	LogFormat    *string  `key:"log/format" help:"Log as text or json (default: text)." placeholder:"FORMAT"`
}

// load reads the configuration that these flags and the environment ask for.
func (f *ConfigFlags) load(environ []string) (*Config, origins, error) {
	return loadConfig(sources{file: f.Config, environ: environ, flags: f.given()})
}

// given lists the flags that were given, by key path.
func (f *ConfigFlags) given() map[string]any {
	given := map[string]any{}
	flags := reflect.ValueOf(f).Elem()
	for i := range flags.NumField() {
		key, value := flags.Type().Field(i).Tag.Get("key"), flags.Field(i)
		if key == "" || value.IsNil() {
			continue
		}
		given[key] = fmt.Sprint(reflect.Indirect(value))
		if list, ok := reflect.TypeAssert[[]string](value); ok {
			given[key] = list
		}
	}
	return given
}

// ConfigCmd prints the configuration.
type ConfigCmd struct {
	ConfigFlags
	ShowSecrets bool `help:"Print stream keys too, instead of masking them."`
}

// Help is what "bongsu config --help" says.
func (ConfigCmd) Help() string {
	return `Prints the configuration that "bongsu serve" would use with the same options, as YAML. The comment behind each value says where it comes from. The later one wins:

    default
    a YAML file             log: { level: debug }
    the environment         BONGSU_LOG_LEVEL=debug
    a flag                  --log-level debug

The name of a variable is BONGSU_ and the key in capitals, with "_" for ".". Lists are separated by commas, stream keys are written BONGSU_KEYS=stream=key,other=key.

Examples:

    bongsu config
    bongsu config --config /etc/bongsu.yaml --show-secrets > merged.yaml`
}

// Run prints the configuration.
func (c *ConfigCmd) Run(stdout io.Writer) error {
	cfg, from, err := c.load(os.Environ())
	if err != nil {
		return err
	}
	return printConfig(stdout, cfg, from, c.ShowSecrets)
}

// mask is printed instead of a secret.
const mask = "********"

func printConfig(w io.Writer, cfg *Config, from origins, showSecrets bool) error {
	p := printer{from: from, showSecrets: showSecrets}
	encoder := yaml.NewEncoder(w)
	encoder.SetIndent(2)
	if err := encoder.Encode(p.node("", reflect.ValueOf(*cfg))); err != nil {
		return err
	}
	return encoder.Close()
}

// printer turns a configuration into YAML nodes with comments.
type printer struct {
	from        origins
	showSecrets bool
}

func (p *printer) node(path string, v reflect.Value) *yaml.Node {
	switch {
	case isValue(v.Type()):
		return p.value(path, v)
	case v.Kind() == reflect.Map:
		n := &yaml.Node{Kind: yaml.MappingNode}
		for _, name := range slices.Sorted(maps.Keys(mapOf(v))) {
			n.Content = append(n.Content, scalar(name), p.node(join(path, name), mapOf(v)[name]))
		}
		if len(n.Content) == 0 {
			n.Style, n.LineComment = yaml.FlowStyle, "default"
		}
		return n
	}
	n := &yaml.Node{Kind: yaml.MappingNode}
	for field := range v.Type().Fields() {
		name, options, _ := strings.Cut(field.Tag.Get("koanf"), ",")
		switch child := v.FieldByIndex(field.Index); {
		case name == notKey:
		case name != "":
			n.Content = append(n.Content, scalar(name), p.node(join(path, name), child))
		case options != "":
			n.Content = append(n.Content, p.node(path, child).Content...)
		}
	}
	return n
}

func (p *printer) value(path string, v reflect.Value) *yaml.Node {
	n := &yaml.Node{}
	value := v.Interface()
	if stringer, ok := value.(fmt.Stringer); ok {
		value = stringer.String()
	}
	if isSecret(path) && !p.showSecrets && value != "" {
		value = mask
	}
	if err := n.Encode(value); err != nil {
		n = scalar(fmt.Sprint(value))
	}
	if n.Kind == yaml.SequenceNode {
		n.Style = yaml.FlowStyle
	}
	n.LineComment = "default"
	if origin, ok := p.from[path]; ok {
		n.LineComment = origin
	}
	return n
}

func scalar(text string) *yaml.Node {
	n := &yaml.Node{}
	n.SetString(text)
	return n
}

// mapOf gives a map with text keys in a form to range over.
func mapOf(v reflect.Value) map[string]reflect.Value {
	entries := map[string]reflect.Value{}
	for name, value := range v.Seq2() {
		entries[name.String()] = value
	}
	return entries
}
