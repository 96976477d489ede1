// What a channel would have asked a sample family for.
package main

import (
	"encoding/json"
	"os"
	"strings"
	"time"

	gongjiv1 "example.com/start/gongjiv1"
)

// prepared reads what a channel would have asked for: the application and a bill of a sample family.
func prepared(path string) (*gongjiv1.SubmitBindingRequest, *gongjiv1.Bill) {
	now := time.Now().UTC()
	text := strings.NewReplacer("NOW", now.Format(time.RFC3339), "TODAY", now.Add(8*time.Hour).Format("2006-01-02")).
		Replace(string(got(os.ReadFile(path))))
	var parts struct{ Application, Bill json.RawMessage }
	check(json.Unmarshal([]byte(text), &parts))
	application := got(read(parts.Application, &gongjiv1.SubmitBindingRequest{}))
	application.RequestId = newID()
	return application, got(read(parts.Bill, &gongjiv1.Bill{}))
}
