//go:build prove

package local

// followedJobs is how many jobs are followed at once.
const followedJobs = 10_000
