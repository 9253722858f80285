package huawei

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/pkg/cloudapi"
	"github.com/interlock-functions/interlock/pkg/engine"
)

// shelf is a list of jobs, newest first, as a service may show it.
type shelf struct {
	jobs []map[string]any
	// first is how many jobs are before a page.
	first func(offset int) int
	// most is how many it has on a page at most, whatever is asked for.
	most int
	// total is what it says that there are; nil: nothing.
	total func(n int) any
	// arrive has jobs created after a call.
	arrive func(call int) int
	calls  int
	fails  int // the call that does
}

func (s *shelf) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.calls++
	if s.calls == s.fails {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	offset, _ := strconv.Atoi(r.FormValue("offset"))
	limit, _ := strconv.Atoi(r.FormValue("limit"))
	from := min(s.first(offset), len(s.jobs))
	to := min(from+min(limit, s.most), len(s.jobs))
	answer := map[string]any{"jobs": s.jobs[from:to]}
	if s.total != nil {
		answer["total_count"] = s.total(len(s.jobs))
	}
	w.Header().Set("Date", "Sun, 22 Nov 2026 09:00:00 GMT")
	_ = json.NewEncoder(w).Encode(answer)
	if s.arrive != nil {
		s.put(s.arrive(s.calls))
	}
}

func (s *shelf) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w.Result(), nil
}

func (s *shelf) put(n int) {
	fresh := make([]map[string]any, n, n+len(s.jobs)) // the newest first
	for i := range fresh {
		fresh[i] = map[string]any{
			"job_id": fmt.Sprint("job-", len(s.jobs)+n-1-i), "status": "Running", "instance_id": "i", "created_time": "2026-11-22T17:00:00+0800",
		}
	}
	s.jobs = append(fresh, s.jobs...)
}

func byPages(offset int) int       { return (offset - 1) * pageSize }
func byJobs(offset int) int        { return offset - 1 }
func byJobsFrom0(off int) int      { return off }
func itsCount(n int) any           { return n }
func asText(n int) any             { return strconv.Itoa(n) }
func never(int) int                { return 0 }
func eachTime(n int) func(int) int { return func(int) int { return n } }

// However the list counts, each job that there was when the reading began is
// read once, or it is said that one may be missing.
func TestEachJobIsRead(t *testing.T) {
	for _, n := range []int{0, 1, 2, 49, 50, 51, 99, 100, 101, 150, 1234, 10_050} {
		for name, tt := range map[string]struct {
			first  func(int) int
			total  func(int) any
			arrive func(int) int
			most   int
			lacks  bool
			calls  int // for each page, at most
		}{
			"by pages":                                 {byPages, itsCount, never, pageSize, false, 1},
			"by jobs":                                  {byJobs, itsCount, never, pageSize, false, 1},
			"by pages, total as text":                  {byPages, asText, never, pageSize, false, 1},
			"by pages, no total":                       {byPages, nil, never, pageSize, false, 1},
			"by jobs, no total":                        {byJobs, nil, never, pageSize, true, 1},
			"by pages, some are created meanwhile":     {byPages, itsCount, eachTime(3), pageSize, false, 2},
			"by jobs, some are created meanwhile":      {byJobs, itsCount, eachTime(3), pageSize, false, 2},
			"by pages, many are created after the 1st": {byPages, itsCount, func(call int) int { return 40 * (1 / call) }, pageSize, false, 2},
			"by pages, many, no total":                 {byPages, nil, func(call int) int { return 40 * (1 / call) }, pageSize, false, 2},
			"by jobs, fewer on a page than asked for":  {byJobs, itsCount, never, 10, false, 6},
			"by pages, a page is created meanwhile":    {byPages, itsCount, func(call int) int { return 60 * (1 / call) }, pageSize, true, 2},
			"by jobs from 0":                           {byJobsFrom0, itsCount, never, pageSize, true, 1},
		} {
			t.Run(fmt.Sprint(n, " ", name), func(t *testing.T) {
				t.Parallel()
				s := &shelf{first: tt.first, total: tt.total, arrive: tt.arrive, most: tt.most}
				s.put(n)
				jobs := Jobs{&cloudapi.Client{GaussDB: "https://cloud.test", Auth: cloudapi.Token("t"), HTTP: &http.Client{Transport: s}}}
				list, err := jobs.List(t.Context(), "p", time.Time{})
				require.Equal(t, s.calls, list.Calls)
				require.LessOrEqual(t, s.calls, tt.calls*(n/pageSize+4))
				if n == 0 && tt.total == nil {
					require.Error(t, err, "nothing at all is no empty list")
					return
				}
				if tt.lacks && err != nil {
					return // it says so
				}
				require.False(t, tt.lacks && n > 2*pageSize)
				require.NoError(t, err)
				require.NoError(t, list.Odd)
				require.Equal(t, time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC), list.Date)
				seen := map[string]int{}
				for _, j := range list.Jobs {
					seen[j.ID]++
				}
				once := make(map[string]int, n)
				for i := range n {
					once[fmt.Sprint("job-", i)] = 1
				}
				maps.DeleteFunc(seen, func(id string, _ int) bool { return once[id] == 0 }) // that came meanwhile
				require.True(t, maps.Equal(once, seen), "one is missing, or twice there")
			})
		}
	}
}

// What was read before a failure is there, and what of it is odd is said.
func TestAListThatCannotBeReadWhole(t *testing.T) {
	s := &shelf{first: byPages, total: itsCount, most: pageSize}
	s.put(120)
	delete(s.jobs[7], "created_time")
	s.jobs[9]["job_id"] = "../9"
	s.jobs[11]["instance_id"] = nil
	jobs := Jobs{&cloudapi.Client{GaussDB: "https://cloud.test", Auth: cloudapi.Token("t"), HTTP: &http.Client{Transport: s}}}
	const odd = `3 jobs of the list cannot be read whole; the first, "job-112", named "", on instance "i" has no created_time with a zone`
	list, err := jobs.List(t.Context(), "p", time.Time{})
	require.NoError(t, err)
	require.EqualError(t, list.Odd, odd)
	require.Len(t, list.Jobs, 120)
	require.Zero(t, list.Jobs[7].Created)
	require.Equal(t, engine.Job{Instance: "i", Status: "Running", Created: list.Jobs[0].Created}, list.Jobs[9])

	s.calls, s.fails = 0, 2
	list, err = jobs.List(t.Context(), "p", time.Time{})
	require.Error(t, err)
	require.EqualError(t, list.Odd, odd)
	require.Len(t, list.Jobs, 50)
	require.Equal(t, 2, list.Calls)
}
