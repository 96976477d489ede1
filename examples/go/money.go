package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

var (
	yuanText = regexp.MustCompile(`^[0-9]{1,13}(\.[0-9]{1,2})?$`)
	fenValue = regexp.MustCompile(`"(\w+_fen)"\s*:\s*("[^"]*"|[^\s,}]+)`)
	wholeFen = regexp.MustCompile(`^("-?[0-9]+"|-?[0-9]+)$`)
)

// fen turns an amount as people write it, "900.50" yuan, into the whole fen of the service: 90050.
func fen(yuan string) (int64, error) {
	if !yuanText.MatchString(yuan) {
		return 0, fmt.Errorf("金额 %q 不是元：请写作 900.50，至多两位小数", yuan)
	}
	whole, part, _ := strings.Cut(yuan, ".")
	return strconv.ParseInt(whole+(part + "00")[:2], 10, 64)
}

// inYuan says fen as people read them.
func inYuan(fen int64) string {
	return fmt.Sprintf("%d.%02d 元", fen/100, fen%100)
}

// read fills a message from protobuf JSON. Yuan in a field of fen are refused: the JSON rules would take "100.00" for 100 fen.
func read[M proto.Message](json []byte, into M) (M, error) {
	for _, found := range fenValue.FindAllSubmatch(json, -1) {
		if !wholeFen.Match(found[2]) {
			return into, fmt.Errorf("%s 写了 %s：这里是分，须是整数；元请先以 fen(\"100.00\") 换算", found[1], found[2])
		}
	}
	return into, protojson.Unmarshal(json, into)
}
