package main

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/go-viper/mapstructure/v2"
	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/v2"
)

// ErrConfig is the error of a configuration that can't be used; its text lists every problem that was found, one a line.
var ErrConfig = errors.New("the configuration can't be used")

// sources says where a configuration comes from, besides the defaults.
type sources struct {
	file    string         // "" stands for ./bongsu.yaml, if there is one
	environ []string       // "NAME=value", as os.Environ gives it
	flags   map[string]any // by key: a string, a bool or a []string
}

// setting is one value as somebody wrote it down, and where.
type setting struct {
	text   any // string or []string
	origin string
}

// layer is what one source says, by key path ("log/level").
type layer map[string]setting

// origins tells where the value of a key path came from. A key that is missing has its default.
type origins map[string]string

// loadConfig puts the layers on each other: defaults, file, environment, flags. The later one wins, value by value.
func loadConfig(src sources) (*Config, origins, error) {
	known := keysOf(reflect.TypeFor[Config](), "")
	file, err := fileLayer(src.file, known)
	problems := []error{err}
	env, err := environmentLayer(src.environ, known)
	problems = append(problems, err)

	merged := koanf.New(separator)
	from := origins{}
	for _, l := range []layer{file, env, flagLayer(src.flags)} {
		texts := map[string]any{}
		for _, path := range slices.Sorted(maps.Keys(l)) {
			texts[path], from[path] = l[path].text, l[path].origin
			problems = append(problems, known.check(path, l[path]))
		}
		if err := merged.Load(confmap.Provider(texts, separator), nil); err != nil {
			problems = append(problems, err)
		}
	}
	if err := errors.Join(problems...); err != nil {
		return nil, nil, configError(err)
	}

	cfg := defaultConfig()
	if err := merged.UnmarshalWithConf("", &cfg, koanf.UnmarshalConf{DecoderConfig: decoding()}); err != nil {
		return nil, nil, configError(err)
	}
	if err := cfg.Validate(from); err != nil {
		return nil, nil, configError(err)
	}
	return &cfg, from, nil
}

// configError puts one problem on one line, and several on a line each.
func configError(problems error) error {
	if strings.Contains(problems.Error(), "\n") {
		return fmt.Errorf("%w:\n%w", ErrConfig, problems)
	}
	return fmt.Errorf("%w: %w", ErrConfig, problems)
}

// decoding turns the texts of settings into the types of Config.
func decoding() *mapstructure.DecoderConfig {
	return &mapstructure.DecoderConfig{
		TagName:          "koanf",
		WeaklyTypedInput: true,
		DecodeHook: mapstructure.ComposeDecodeHookFunc(
			mapstructure.StringToTimeDurationHookFunc(),
			splitList,
			mapstructure.TextUnmarshallerHookFunc(),
		),
	}
}

// splitList makes a list of "a, b" where one is wanted.
func splitList(from, to reflect.Type, text any) (any, error) {
	if from.Kind() != reflect.String || to.Kind() != reflect.Slice {
		return text, nil
	}
	var list []string
	for item := range strings.SplitSeq(text.(string), ",") {
		if item = strings.TrimSpace(item); item != "" {
			list = append(list, item)
		}
	}
	return list, nil
}

// below gives the origin of the first key below a path.
func (o origins) below(path string) string {
	for _, known := range slices.Sorted(maps.Keys(o)) {
		if strings.HasPrefix(known, path+separator) {
			return o[known]
		}
	}
	return "default"
}
