// Package postgrestest starts PostgreSQL servers for tests, from the programs that are
// installed (Debian: postgresql). Each has its own data in a directory that is
// removed, and listens on a Unix socket there alone.
package postgrestest

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// Server is a PostgreSQL server.
type Server struct {
	bin, dir string
	owner    *syscall.Credential
	cmd      *exec.Cmd
	said     bytes.Buffer
}

// Start starts a server with the given settings, each as fsync=off, and ends it with
// the test.
func Start(t testing.TB, settings ...string) *Server {
	t.Helper()
	s := &Server{bin: programs(t), owner: owner(t)}
	var err error
	s.dir, err = os.MkdirTemp("", "pg") // t.TempDir is too long a path for a socket
	require.NoError(t, err)
	t.Cleanup(func() {
		s.Kill()
		require.NoError(t, os.RemoveAll(s.dir))
	})
	require.NoError(t, os.Chmod(s.dir, 0o755))
	if s.owner != nil {
		require.NoError(t, os.Chown(s.dir, int(s.owner.Uid), int(s.owner.Gid)))
	}
	out, err := s.command("initdb", "--pgdata="+s.data(), "--username="+name, "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync").CombinedOutput()
	require.NoError(t, err, "%s", out)
	conf, err := os.OpenFile(filepath.Join(s.data(), "postgresql.auto.conf"), os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	for _, set := range append([]string{"listen_addresses=''", "max_connections=200"}, settings...) {
		fmt.Fprintln(conf, set)
	}
	require.NoError(t, conf.Close())
	s.Restart(t)
	return s
}

// name is that of the server's one user and of the database.
const name = "postgres"

// programs is the newest directory with PostgreSQL's programs.
func programs(t testing.TB) string {
	all, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	require.NoError(t, err)
	if path, err := exec.LookPath("postgres"); err == nil {
		all = append(all, path)
	}
	require.NotEmpty(t, all, "PostgreSQL is needed (Debian: apt-get install postgresql)")
	return filepath.Dir(slices.MaxFunc(all, func(a, b string) int { return len(a) - len(b) }))
}

// owner is who runs it where this is root, whom PostgreSQL refuses to serve; nil
// where it is this user.
func owner(t testing.TB) *syscall.Credential {
	if os.Geteuid() != 0 {
		return nil
	}
	u, err := user.Lookup("postgres")
	require.NoError(t, err, "PostgreSQL does not run as root: Debian's package has a user for it")
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	require.NoError(t, err)
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	require.NoError(t, err)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

func (s *Server) command(program string, args ...string) *exec.Cmd {
	c := exec.Command(filepath.Join(s.bin, program), args...)
	c.Dir, c.Env = s.dir, []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C"}
	c.SysProcAttr = &syscall.SysProcAttr{Credential: s.owner, Setpgid: true, Pdeathsig: syscall.SIGKILL}
	return c
}

// Restart starts the server again after [Server.Kill], and returns when it answers.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	s.cmd = s.command("postgres", "-D", s.data(), "-k", s.dir)
	s.said.Reset()
	s.cmd.Stdout, s.cmd.Stderr = &s.said, &s.said
	require.NoError(t, s.cmd.Start())
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for {
		c, err := pgx.Connect(ctx, s.URL(""))
		if err == nil {
			require.NoError(t, c.Close(ctx))
			return
		}
		select {
		case <-ctx.Done():
			require.NoError(t, err, "%s", &s.said)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Kill ends the server with SIGKILL, and all that belongs to it, as the loss of its
// machine would; what it had not written is lost. It may be called at any time.
func (s *Server) Kill() {
	if s.cmd == nil || s.cmd.Process == nil {
		return
	}
	_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
	_ = s.cmd.Wait()
	s.cmd = nil
}

// URL is the database's, with a schema in it for the tables, if one is named.
func (s *Server) URL(schema string) string {
	q := url.Values{"host": {s.dir}}
	if schema != "" {
		q.Set("search_path", schema)
	}
	return "postgres://" + name + "@/" + name + "?" + q.Encode()
}
