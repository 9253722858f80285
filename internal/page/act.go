package page

import (
	"context"
	"fmt"
	"net/http"
)

// Act is something that people may have done by a button on the first screen. A
// page has none unless it is given some; `interlock run` gives those that show
// what Interlock does, on its simulated cloud.
type Act struct {
	Name, Label string
	// Says is what will happen, in a sentence.
	Says string
	// Do begins it. It does not wait for what comes of it: the page shows that.
	Do func(context.Context) error
}

// act does one of them. Another site's page cannot have a browser ask for it.
func (p *Page) act(w http.ResponseWriter, r *http.Request) {
	if err := http.NewCrossOriginProtection().Check(r); err != nil {
		p.failed(w, http.StatusForbidden, err)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
	name := r.PostFormValue("act")
	for _, a := range p.acts {
		if a.Name != name {
			continue
		}
		if err := a.Do(r.Context()); err != nil {
			p.failed(w, http.StatusInternalServerError, err)
			return
		}
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	p.failed(w, http.StatusNotFound, fmt.Errorf("there is no button %.64q", name))
}
