// Set one key with one client for Go, and print what it says of it.
//
//	client CLIENT HOST PORT TLS USER PASSWORD CA-FILE ADDRESS
//
// ADDRESS is dialled; a certificate is checked under the name HOST.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"log"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/gomodule/redigo/redis"
	goredis "gopkg.in/redis.v5"
)

const patience = 3 * time.Second

func secure(host, file string) *tls.Config {
	config := &tls.Config{ServerName: host}
	if file != "" {
		pem, err := os.ReadFile(file)
		if err != nil {
			log.Fatal(err)
		}
		config.RootCAs = x509.NewCertPool()
		config.RootCAs.AppendCertsFromPEM(pem)
	}
	return config
}

func withRedigo(address, user, password string, config *tls.Config) error {
	options := []redis.DialOption{
		redis.DialConnectTimeout(patience), redis.DialReadTimeout(patience),
		redis.DialUsername(user), redis.DialPassword(password),
	}
	if config != nil {
		options = append(options, redis.DialUseTLS(true), redis.DialTLSConfig(config))
	}
	conn, err := redis.Dial("tcp", address, options...)
	if err != nil {
		return err
	}
	_, err = conn.Do("SET", "k", "v")
	return err
}

func withGoRedis(address, user, password string, config *tls.Config) error {
	options := &goredis.Options{
		Addr: address, TLSConfig: config, DialTimeout: patience, ReadTimeout: patience,
	}
	if user == "" {
		options.Password = password // this release logs in with a password alone
	}
	client := goredis.NewClient(options)
	if user != "" {
		if err := client.Process(goredis.NewStatusCmd("AUTH", user, password)); err != nil {
			return err
		}
	}
	return client.Set("k", "v", 0).Err()
}

func main() {
	client, host, port, isTLS := os.Args[1], os.Args[2], os.Args[3], os.Args[4] == "1"
	user, password, file, address := os.Args[5], os.Args[6], os.Args[7], os.Args[8]
	if _, err := strconv.Atoi(port); err != nil {
		log.Fatal(err)
	}
	var config *tls.Config
	if isTLS {
		config = secure(host, file)
	}
	with := withRedigo
	if client == "go-redis" {
		with = withGoRedis
	}
	if err := with(net.JoinHostPort(address, port), user, password, config); err != nil {
		log.Fatalf("%s: set k: %v", client, err)
	}
}
