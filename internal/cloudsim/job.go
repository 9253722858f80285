package cloudsim

import (
	"net/url"
	"slices"
	"strconv"
	"time"
)

// job is a task of the cloud. Its status is computed from the clock.
type job struct {
	id, name                         string
	instance                         Target
	created, visible, started, ended time.Time
	failReason                       string
	set                              func() // nil: a person's
}

func (j *job) status(now time.Time) string {
	switch {
	case now.Before(j.started):
		return "Pending"
	case now.Before(j.ended):
		return "Running"
	case j.failReason != "":
		return "Failed"
	}
	return "Completed"
}

func (c *Cloud) startJob(j *job, at time.Time, pending, running time.Duration) {
	j.id = c.nextID(jobID)
	j.created, j.visible = at, at.Add(c.JobVisible)
	j.started = at.Add(pending)
	j.ended = j.started.Add(running)
	c.world.jobs[j.id] = j
	c.world.listed[j.instance.ProjectID] = append(c.world.listed[j.instance.ProjectID], j)
	c.world.open = append(c.world.open, j)
}

func (w *world) openJob(instance Target) *job {
	for _, j := range w.open {
		if j.instance == instance {
			return j
		}
	}
	return nil
}

// ConsoleJob is a job that a person starts in the console. It changes nothing
// but keeps its instance busy.
type ConsoleJob struct {
	ProjectID  string `json:"project_id"`
	InstanceID string `json:"instance_id"`
	Name       string `json:"name"`
	// Pending and Running are how long it is so, by default as long as any job.
	Pending, Running time.Duration `json:"-"`
	// FailReason, unless empty, is why it fails in the end.
	FailReason string `json:"fail_reason"`
}

// StartJob starts a job as a person in the console would, and returns its id.
func (c *Cloud) StartJob(o ConsoleJob) string {
	now := c.lock()
	defer c.mu.Unlock()
	j := &job{name: o.Name, instance: Target{ProjectID: o.ProjectID, InstanceID: o.InstanceID}, failReason: o.FailReason}
	c.world.declare(j.instance)
	c.startJob(j, now, withDefault(o.Pending, c.JobPending), withDefault(o.Running, c.JobRunning))
	return j.id
}

// The two queries write their times with an offset that has no colon; the
// offset itself is the region's, and here differs so that clients must read it.
const stamp = "2006-01-02T15:04:05-0700"

var beijing = time.FixedZone("CST", 8*60*60)

func stamped(t, now time.Time, zone *time.Location) string {
	if t.After(now) {
		return ""
	}
	return t.In(zone).Format(stamp)
}

func (j *job) progress(now time.Time) string {
	switch j.status(now) {
	case "Pending":
		return "0"
	case "Running":
		return strconv.Itoa(int(100 * now.Sub(j.started) / j.ended.Sub(j.started)))
	}
	return "100"
}

type jobAnswer struct {
	Job struct {
		ID       string `json:"id"`
		Name     string `json:"name"`
		Status   string `json:"status"`
		Created  string `json:"created"`
		Ended    string `json:"ended,omitempty"`
		Process  string `json:"process"`
		Instance struct {
			ID   string `json:"id"`
			Name string `json:"name"`
		} `json:"instance"`
		Entities   struct{} `json:"entities"`
		FailReason string   `json:"fail_reason,omitempty"`
	} `json:"job"`
}

func (c *Cloud) showJob(q *request, now time.Time) reply {
	id := q.query.Get("id")
	if id == "" {
		return q.invalid("id is missing")
	}
	j := c.world.jobs[id]
	if j == nil || j.instance.ProjectID != q.target.ProjectID || now.Before(j.visible) {
		return q.refused(404, "DBS.200013", "The task does not exist.")
	}
	var a jobAnswer
	a.Job.ID, a.Job.Name, a.Job.Status = j.id, j.name, j.status(now)
	a.Job.Created, a.Job.Ended = stamped(j.created, now, beijing), stamped(j.ended, now, beijing)
	a.Job.Process = j.progress(now)
	a.Job.Instance.ID, a.Job.Instance.Name = j.instance.InstanceID, "gauss-"+j.instance.InstanceID
	if a.Job.Status == "Failed" {
		a.Job.FailReason = j.failReason
	}
	return answered(200, a)
}

type listedJob struct {
	JobID        string `json:"job_id"`
	JobName      string `json:"job_name"`
	Status       string `json:"status"`
	InstanceID   string `json:"instance_id"`
	InstanceName string `json:"instance_name"`
	Process      string `json:"process"`
	CreatedTime  string `json:"created_time"`
	EndedTime    string `json:"ended_time,omitempty"`
	FailReason   string `json:"fail_reason,omitempty"`
}

type jobList struct {
	Jobs       []listedJob `json:"jobs"`
	TotalCount int         `json:"total_count"`
}

// listJobs lists the newest first. Here offset starts at 1 and counts pages, or
// jobs.
func (c *Cloud) listJobs(q *request, now time.Time) reply {
	filter, wrong := jobFilterOf(q.query)
	if wrong != "" {
		return q.invalid(wrong)
	}
	filter.first = (filter.offset - 1) * filter.limit
	if c.OffsetsByJobs {
		filter.first = filter.offset - 1
	}
	list := jobList{Jobs: []listedJob{}}
	for _, j := range slices.Backward(c.world.listed[q.target.ProjectID]) {
		if now.Before(j.visible) || !filter.fits(j, now) || c.Unlisted && j.set != nil {
			continue
		}
		if n := list.TotalCount; n >= filter.first && n < filter.first+filter.limit {
			list.Jobs = append(list.Jobs, j.listed(now))
		}
		list.TotalCount++
	}
	return answered(200, list)
}

func (j *job) listed(now time.Time) listedJob {
	l := listedJob{
		JobID: j.id, JobName: j.name, Status: j.status(now),
		InstanceID: j.instance.InstanceID, InstanceName: "gauss-" + j.instance.InstanceID, Process: j.progress(now),
		CreatedTime: stamped(j.created, now, time.UTC), EndedTime: stamped(j.ended, now, time.UTC),
	}
	if l.Status == "Failed" {
		l.FailReason = j.failReason
	}
	return l
}

type jobFilter struct {
	id, name, status string
	start, end       time.Time
	limit, offset    int
	first            int // how many are before the page
}

func jobFilterOf(query url.Values) (f jobFilter, wrong string) {
	f = jobFilter{limit: 10, offset: 1}
	for name, values := range query {
		if len(values) != 1 {
			return f, name + " is given more than once"
		}
		var err error
		switch value := values[0]; name {
		case "job_id":
			f.id = value
		case "job_name":
			f.name = value
		case "status":
			if !slices.Contains([]string{"Pending", "Running", "Completed", "Failed", "Canceled", "Unauthorized"}, value) {
				return f, "status is none of the task statuses"
			}
			f.status = value
		case "start_time":
			f.start, err = time.Parse(stamp, value)
		case "end_time":
			f.end, err = time.Parse(stamp, value)
		case "offset":
			if f.offset, err = strconv.Atoi(value); err == nil && f.offset < 1 {
				return f, "offset must be 1 or more"
			}
		case "limit":
			if f.limit, err = strconv.Atoi(value); err == nil && f.limit != 10 && f.limit != 20 && f.limit != 50 {
				return f, "limit must be 10, 20 or 50"
			}
		default:
			return f, "unknown parameter " + strconv.QuoteToASCII(name)
		}
		if err != nil {
			return f, name + " is malformed"
		}
	}
	return f, ""
}

// fits compares whole seconds, which is what the listed times are.
func (f *jobFilter) fits(j *job, now time.Time) bool {
	created := j.created.Truncate(time.Second)
	return (f.id == "" || f.id == j.id) &&
		(f.name == "" || f.name == j.name) &&
		(f.status == "" || f.status == j.status(now)) &&
		(f.start.IsZero() || !created.Before(f.start)) &&
		(f.end.IsZero() || !created.After(f.end))
}
