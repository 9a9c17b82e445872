// Hears of jobs as they run, over one WebSocket for all pages. What is heard is a snapshot, the
// whole truth of a job, so that a socket that breaks loses nothing: another one is opened, and
// shows how things stand.

const RETRY_MS = [1000, 2000, 5000, 15_000];
const LINGER_MS = 5000;

/** The socket of an API. It is open while somebody watches something. */
export class Socket {
  /** `api` gives out tickets; `connect` opens a URL. */
  constructor(api, { connect = (url) => new WebSocket(url), clock = globalThis } = {}) {
    this.api = api;
    this.connect = connect;
    this.clock = clock;
    this.watchers = new Set();
    this.failures = 0;
  }

  /**
   * Watches a topic: `{ job }`, `{ dataset }`, or `{}` for all jobs. `onSnapshot` is given each
   * newer snapshot, `onState` whether the socket is open, whenever that changes. Answers a function
   * that ends it.
   */
  watch(topic, { onSnapshot, onState = () => {} }) {
    const watcher = { topic, key: JSON.stringify(topic), onSnapshot, onState, newest: new Map() };
    this.watchers.add(watcher);
    this.clock.clearTimeout(this.lingering);
    if (this.isOpen) {
      this.send('subscribe', topic);
      onState(true);
    } else {
      this.open();
    }
    return () => {
      this.watchers.delete(watcher);
      const isWatched = [...this.watchers].some(({ key }) => key === watcher.key);
      if (this.isOpen && !isWatched) this.send('unsubscribe', topic);
      if (this.watchers.size === 0) {
        this.lingering = this.clock.setTimeout(() => this.close(), LINGER_MS);
      }
    };
  }

  async open() {
    if (this.isOpening || this.isOpen || this.watchers.size === 0) return;
    this.isOpening = true;
    try {
      const { url } = await this.api.post('/tickets');
      const socket = this.connect(url);
      socket.onopen = () => this.opened(socket);
      socket.onmessage = ({ data }) => this.hear(data);
      // A socket that fails closes too.
      socket.onclose = () => this.closed();
    } catch {
      this.closed();
    }
  }

  opened(socket) {
    this.socket = socket;
    [this.isOpening, this.isOpen, this.failures] = [false, true, 0];
    if (this.watchers.size === 0) {
      this.close();
      return;
    }
    const topics = new Map([...this.watchers].map(({ key, topic }) => [key, topic]));
    topics.forEach((topic) => this.send('subscribe', topic));
    this.watchers.forEach(({ onState }) => onState(true));
  }

  closed() {
    const wasOpen = this.isOpen;
    [this.isOpening, this.isOpen, this.socket] = [false, false, undefined];
    if (wasOpen) this.watchers.forEach(({ onState }) => onState(false));
    if (this.watchers.size === 0) return;
    const wait = RETRY_MS[Math.min(this.failures, RETRY_MS.length - 1)];
    this.failures += 1;
    this.clock.clearTimeout(this.retrying);
    this.retrying = this.clock.setTimeout(() => this.open(), wait);
  }

  close() {
    if (this.watchers.size === 0) this.socket?.close();
  }

  send(action, topic) {
    this.socket.send(JSON.stringify({ action, ...topic }));
  }

  hear(data) {
    const message = JSON.parse(data);
    if (message.type !== 'job') return;
    for (const { topic, onSnapshot, newest } of this.watchers) {
      const isOf =
        (topic.job ?? message.job) === message.job &&
        (topic.dataset ?? message.dataset) === message.dataset;
      // Of two snapshots the one with the higher number is the newer one, whichever came first.
      if (isOf && message.sequence >= (newest.get(message.job) ?? 0)) {
        newest.set(message.job, message.sequence);
        onSnapshot(message);
      }
    }
  }
}
