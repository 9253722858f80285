//go:build !prove

package host_test

// followedJobs is how many jobs are followed at once: a tenth of the long form.
const followedJobs = 1_000
