# shellcheck shell=bash
# Where everything of one cluster is, and how its members are started, frozen and killed. Sourced by
# up, down and fault.
#
#   DIR/cluster.env   ports and the servers' user        DIR/etcd     etcd's data
#   DIR/venv          Patroni                            DIR/pgN      one member: patroni.yml, data
#   DIR/log           what each process says             DIR/run      their process ids
#
# Servers run as the user `postgres` where root starts them (initdb refuses root), else as ourselves.

# shellcheck disable=SC2034  # read by the scripts that source this
readonly MEMBERS=(pg1 pg2 pg3)
# The newest that Debian has here.
PG_BIN=${PG_BIN:-$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)}

die() {
  echo "$(basename "$0"): $*" >&2
  exit 1
}

# Sets DIR, and the ports that `up` wrote down there.
open_cluster() {
  DIR=$(realpath "${1:?the folder of the cluster}")
  [[ -f $DIR/cluster.env ]] || die "no cluster in $DIR: tests/cluster/up $DIR"
  # shellcheck source=/dev/null
  source "$DIR/cluster.env"
}

etcd_port() { echo "$BASE_PORT"; }
pg_port() { echo $((BASE_PORT + 10 + ${1#pg})); }
rest_port() { echo $((BASE_PORT + 20 + ${1#pg})); }

# Runs a command in place of this shell as the servers' user, in an environment without surprises.
exec_as_server() {
  local drop=()
  if [[ $(id -un) != "$SERVER_USER" ]]; then
    drop=(setpriv "--reuid=$SERVER_USER" "--regid=$SERVER_USER" --init-groups)
  fi
  cd /
  exec "${drop[@]}" env -i "PATH=$PG_BIN:/usr/bin:/bin" "HOME=$DIR" LANG=C.UTF-8 "$@"
}

as_server() { (exec_as_server "$@"); }

# --- processes: started apart from this shell, known by DIR/run/NAME.pid

start() {
  local name=$1
  shift
  if running "$(pid_of "$name")"; then return; fi
  # A session of its own, so that ^C in a test's terminal does not stop the servers.
  (exec_as_server setsid "$@") </dev/null >>"$DIR/log/$name.log" 2>&1 &
  echo $! >"$DIR/run/$name.pid"
}

start_etcd() {
  local clients peers
  clients=http://127.0.0.1:$(etcd_port)
  peers=http://127.0.0.1:$((BASE_PORT + 1))
  start etcd etcd --name e1 --data-dir "$DIR/etcd" \
    --listen-client-urls "$clients" --advertise-client-urls "$clients" \
    --listen-peer-urls "$peers" --initial-advertise-peer-urls "$peers" --initial-cluster "e1=$peers"
}

start_patroni() { start "$1" "$DIR/venv/bin/patroni" "$DIR/$1/patroni.yml"; }

# The process of that name, when it is one of this folder's: a number may belong to a stranger by now.
pid_of() {
  local pid
  pid=$(cat "$DIR/run/$1.pid" 2>/dev/null) || return 0
  if is_ours "$pid"; then echo "$pid"; fi
}

is_ours() { grep -qsF "$DIR" "/proc/$1/cmdline"; }

postmaster_of() {
  local pid
  pid=$(head -n 1 "$DIR/$1/data/postmaster.pid" 2>/dev/null) || return 0
  if is_ours "$pid"; then echo "$pid"; fi
}

running() { [[ -n ${1:-} ]] && kill -0 "$1" 2>/dev/null; }

signal() {
  local signal=$1
  shift
  # One that ended in between is what was wanted.
  if (($#)); then kill "-$signal" "$@" 2>/dev/null || true; fi
}

# A server with its backends; each is a session of its own, so that no group has them all.
backends_of() { pgrep -P "$1" || true; }

# --- faults of one member

# The loss of the machine: nothing is flushed, nobody says goodbye.
kill_member() {
  kill_patroni "$1"
  kill_postgres "$1"
}

kill_patroni() {
  local pid
  pid=$(pid_of "$1")
  if [[ -n $pid ]]; then signal KILL "$pid"; fi
}

kill_postgres() {
  local postmaster backends
  postmaster=$(postmaster_of "$1")
  if [[ -z $postmaster ]]; then return; fi
  mapfile -t backends < <(backends_of "$postmaster")
  signal KILL "$postmaster" "${backends[@]}"
  while running "$postmaster"; do sleep 0.05; done
}

# The postmaster first: it would start what is missing again, and a second look finds no new backend.
freeze_postgres() {
  local postmaster backends
  postmaster=$(postmaster_of "$1")
  [[ -n $postmaster ]] || die "no server of $1 to freeze"
  signal STOP "$postmaster"
  mapfile -t backends < <(backends_of "$postmaster")
  signal STOP "${backends[@]}"
}

thaw_postgres() {
  local postmaster backends
  postmaster=$(postmaster_of "$1")
  if [[ -z $postmaster ]]; then return; fi
  mapfile -t backends < <(backends_of "$postmaster")
  signal CONT "${backends[@]}" "$postmaster"
}

freeze_patroni() { signal STOP "$(pid_of "$1")"; }
thaw_patroni() {
  local pid
  pid=$(pid_of "$1")
  if [[ -n $pid ]]; then signal CONT "$pid"; fi
}

# --- what the cluster says of itself

# One of Patroni's keys; empty when it is not there.
etcd_key() {
  ETCDCTL_API=3 etcdctl --endpoints "http://127.0.0.1:$(etcd_port)" --dial-timeout 1s \
    --command-timeout 2s get --print-value-only "/service/svgate/$1" 2>/dev/null || true
}

# The holder of the leader's key; empty when there is none.
leader() { etcd_key leader; }

# SQL on a member, as its superuser.
on_member() {
  local member=$1
  shift
  as_server timeout 5 psql -qAtX -v ON_ERROR_STOP=1 -h "$DIR/$member" -p "$(pg_port "$member")" \
    -U postgres "$@"
}

# One primary, two that stream from it, and the synchronous one written down as such: until then Patroni
# lets nobody take over. What Patroni's REST says lags behind after a fail-over.
is_whole() {
  local primary streaming
  primary=$(leader)
  [[ -n $primary ]] || return 1
  [[ $(etcd_key sync) == "{\"leader\":\"$primary\",\"sync_standby\":\"pg"* ]] || return 1
  streaming=$(on_member "$primary" -c "
    select count(*) || ' ' || count(*) filter (where sync_state = 'sync')
    from pg_stat_replication where state = 'streaming'" 2>/dev/null) || return 1
  [[ $streaming == "2 1" ]]
}

# Waits until a condition holds; `what` is told when it does not within so many seconds.
wait_until() {
  local seconds=$1 what=$2 since=$EPOCHSECONDS
  shift 2
  until "$@"; do
    if ((EPOCHSECONDS - since > seconds)); then die "after $seconds s: $what (see $DIR/log)"; fi
    sleep 0.25
  done
}
