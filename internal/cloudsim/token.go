package cloudsim

import (
	"net/http"
	"slices"
	"time"
)

// accounts are who may call.
type accounts struct {
	keys   map[string]*accessKey
	tokens map[string]*token
	users  []User
}

type accessKey struct {
	Credentials
	failures                 int
	lastFailure, lockedUntil time.Time
}

type token struct {
	project string
	expires time.Time // zero: never
	revoked bool
}

func (a *accounts) prepare(o *Options) {
	a.keys, a.tokens, a.users = map[string]*accessKey{}, map[string]*token{}, o.Users
	for _, k := range o.Credentials {
		a.keys[k.AccessKey] = &accessKey{Credentials: k}
	}
	for value, project := range o.Tokens {
		a.tokens[value] = &token{project: project}
	}
	if len(a.keys)+len(a.tokens)+len(a.users) > 0 {
		return
	}
	a.keys[DefaultAccessKey] = &accessKey{Credentials: Credentials{AccessKey: DefaultAccessKey, SecretKey: DefaultSecretKey}}
	a.tokens[DefaultToken] = &token{}
	a.users = []User{{DefaultDomain, DefaultUser, DefaultPassword}}
}

// RevokeTokens lets every token given out so far die, as a change of
// permissions does; the tokens of [Options] stay.
func (c *Cloud) RevokeTokens() {
	c.lock()
	defer c.mu.Unlock()
	for _, t := range c.accounts.tokens {
		t.revoked = !t.expires.IsZero()
	}
}

// The times of IAM's answers.
const keystoneTime = "2006-01-02T15:04:05.000000Z"

// createToken is IAM's "Obtaining a User Token Through Password Authentication",
// scoped to a project.
func (c *Cloud) createToken(q *request, now time.Time) reply {
	f := readForm(q.body)
	auth := f.object("auth")
	identity, scope := auth.object("identity"), auth.object("scope")
	methods := identity.words("methods")
	password := identity.object("password")
	user := password.object("user")
	domain := user.object("domain")
	asked := User{domain.Text("name"), user.Text("name"), user.Text("password")}
	project := scope.object("project")
	id := project.Text("id")
	for _, part := range []*Form{f, auth, identity, password, user, domain, scope, project} {
		if wrong := part.end(); wrong != "" {
			return q.refused(http.StatusBadRequest, "", wrong)
		}
	}
	if len(methods) != 1 || methods[0] != "password" {
		return q.refused(http.StatusBadRequest, "", "methods must be [\"password\"]")
	}
	if !slices.Contains(c.accounts.users, asked) {
		return q.refused(http.StatusUnauthorized, "", "The username or password is wrong.")
	}
	return c.issue(asked, id, now)
}

func (c *Cloud) issue(u User, project string, now time.Time) reply {
	value := "MIIS" + c.nextID(tokenID) + c.nextID(tokenID)
	expires := now.Add(c.TokenLife)
	c.accounts.tokens[value] = &token{project: project, expires: expires}
	r := answered(http.StatusCreated, map[string]any{"token": map[string]any{
		"methods":    []string{"password"},
		"issued_at":  now.UTC().Format(keystoneTime),
		"expires_at": expires.UTC().Format(keystoneTime),
		"project":    map[string]any{"id": project, "domain": map[string]any{"name": u.Domain}},
		"user":       map[string]any{"name": u.Name, "domain": map[string]any{"name": u.Domain}},
	}})
	r.subjectToken = value
	return r
}
