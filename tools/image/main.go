// Command image makes the container image of interlock, for several platforms, as an
// OCI layout: a folder that `crane push` takes to a registry. It needs no daemon, no
// base image and no network, and makes the same bytes of the same programs.
//
//	image -out FOLDER -version v1.2.3 -revision COMMIT -created SECONDS -doc LICENSE,… linux/amd64=PROGRAM linux/arm64=PROGRAM
//
// In the image are the program, its papers, and a folder for its ledger. What else a
// program needs of a system, certificate authorities and time zones, it carries
// itself.
package main

import (
	"archive/tar"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// user is nobody: the number that others, too, give to a user without rights.
const user = 65532

func main() {
	var r release
	out := flag.String("out", "", "folder to be made")
	flag.StringVar(&r.version, "version", "", "version, as v1.2.3")
	flag.StringVar(&r.revision, "revision", "", "commit that the programs were built from")
	created := flag.Int64("created", 0, "when that was made, in seconds since 1970")
	docs := flag.String("doc", "", "files for /usr/share/doc/interlock, with commas between")
	flag.Parse()
	r.created, r.docs = time.Unix(*created, 0).UTC(), strings.Split(*docs, ",")
	digest, err := r.write(*out, flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
	fmt.Println(digest)
}

type release struct {
	version, revision string
	created           time.Time
	docs              []string
}

// write makes the layout, whose one entry is the index of all platforms, and returns
// the index's digest.
func (r release) write(folder string, programs []string) (digest v1.Hash, err error) {
	if folder == "" || r.version == "" || r.revision == "" || len(programs) == 0 {
		return digest, errors.New("found no -out, -version, -revision or program, expected each: image -out FOLDER -version v1.2.3 -revision COMMIT linux/amd64=PROGRAM")
	}
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, p := range programs {
		platform, program, _ := strings.Cut(p, "=")
		system, arch, _ := strings.Cut(platform, "/")
		img, err := r.image(system, arch, program)
		if err != nil {
			return digest, fmt.Errorf("%s: %w", p, err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: system, Architecture: arch}}})
	}
	index = mutate.Annotations(index, r.labels()).(v1.ImageIndex)
	if digest, err = index.Digest(); err != nil {
		return digest, err
	}
	l, err := layout.Write(folder, empty.Index)
	if err != nil {
		return digest, err
	}
	return digest, l.AppendIndex(index, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": r.version}))
}

func (r release) image(system, arch, program string) (v1.Image, error) {
	files, err := r.files(program)
	if err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(files)), nil }, tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return nil, err
	}
	img, err := mutate.Append(
		mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON),
		mutate.Addendum{Layer: layer, History: v1.History{Created: v1.Time{Time: r.created}, CreatedBy: "tools/image", Comment: "interlock " + r.version}})
	if err != nil {
		return nil, err
	}
	config, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Created = system, arch, v1.Time{Time: r.created}
	config.Config = v1.Config{
		User:         fmt.Sprintf("%d:%d", user, user),
		Entrypoint:   []string{"/interlock"},
		WorkingDir:   "/data", // where `serve` has its ledger, if nothing else is said
		ExposedPorts: map[string]struct{}{"8080/tcp": {}},
		Labels:       r.labels(),
	}
	if img, err = mutate.ConfigFile(img, config); err != nil {
		return nil, err
	}
	return mutate.Annotations(img, r.labels()).(v1.Image), nil
}

// files is the file system, as a tar archive.
func (r release) files(program string) ([]byte, error) {
	var all bytes.Buffer
	w := tar.NewWriter(&all)
	add := func(h tar.Header, text []byte) error {
		h.ModTime, h.Size, h.Format = r.created, int64(len(text)), tar.FormatUSTAR
		if err := w.WriteHeader(&h); err != nil {
			return err
		}
		_, err := w.Write(text)
		return err
	}
	err := errors.Join(
		add(tar.Header{Typeflag: tar.TypeDir, Name: "data/", Mode: 0o700, Uid: user, Gid: user}, nil),
		// For who keeps what it writes in memory, and for `audit export`.
		add(tar.Header{Typeflag: tar.TypeDir, Name: "tmp/", Mode: 0o1777}, nil))
	for _, folder := range []string{"usr/", "usr/share/", "usr/share/doc/", "usr/share/doc/interlock/"} {
		err = errors.Join(err, add(tar.Header{Typeflag: tar.TypeDir, Name: folder, Mode: 0o755}, nil))
	}
	for _, file := range r.docs {
		text, failed := os.ReadFile(file)
		err = errors.Join(err, failed, add(tar.Header{Name: "usr/share/doc/interlock/" + path.Base(file), Mode: 0o644}, text))
	}
	text, failed := os.ReadFile(program)
	err = errors.Join(err, failed, add(tar.Header{Name: "interlock", Mode: 0o755}, text), w.Close())
	return all.Bytes(), err
}

// labels are those that OCI has names for.
func (r release) labels() map[string]string {
	const source = "https://github.com/interlock-functions/interlock"
	return map[string]string{
		"org.opencontainers.image.title":         "interlock",
		"org.opencontainers.image.description":   "Flips Huawei Cloud database switches from CloudEvents: once, in order, with nothing lost",
		"org.opencontainers.image.source":        source,
		"org.opencontainers.image.url":           source,
		"org.opencontainers.image.documentation": source + "/blob/main/README.md",
		"org.opencontainers.image.licenses":      "Apache-2.0",
		"org.opencontainers.image.version":       strings.TrimPrefix(r.version, "v"),
		"org.opencontainers.image.revision":      r.revision,
		"org.opencontainers.image.created":       r.created.Format(time.RFC3339),
	}
}
