// Package release looks at what `make release` has made, before it is published: the
// archives, their checksums, the bills of materials, and the image. Its tests have the
// build tag release, and are what `make release-check` runs.
package release
