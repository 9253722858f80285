//go:build prove

package host_test

// followedJobs is how many jobs are followed at once.
const followedJobs = 10_000
