// What part of time the timeline shows: the last so many seconds, following the present, or a stretch that stands still.

export const LEAST = 60;
export const MOST = 7 * 86400;

export class Span {
  constructor({ seconds, since, until }) {
    this.seconds = seconds;
    this.still = since !== null && until !== null ? [since, until] : null;
  }

  get ends() {
    const now = Date.now() / 1000;
    return this.still ?? [now - this.seconds, now];
  }

  get width() {
    const [since, until] = this.ends;
    return until - since;
  }

  // The part of it in which something is known: a young service does not stand at the edge of an empty picture.
  from(oldest) {
    const [since, until] = this.ends;
    return this.still || !oldest ? [since, until] : [Math.max(since, Math.min(oldest, until - LEAST)), until];
  }

  follow(seconds) {
    this.seconds = seconds;
    this.still = null;
  }

  show(since, until) {
    const now = Date.now() / 1000;
    const middle = (since + until) / 2;
    const width = Math.min(MOST, Math.max(LEAST, until - since));
    const end = Math.min(now, middle + width / 2);
    this.still = [end - width, end];
  }

  zoom(factor) {
    const [since, until] = this.ends;
    const middle = (since + until) / 2;
    this.show(middle - (this.width * factor) / 2, middle + (this.width * factor) / 2);
  }

  pan(share) {
    const [since, until] = this.ends;
    this.show(since + this.width * share, until + this.width * share);
  }

  // As it stands in the address, so that it can be sent to a colleague.
  get query() {
    if (!this.still) return `?seconds=${this.seconds}`;
    return `?since=${Math.round(this.still[0])}&until=${Math.round(this.still[1])}`;
  }
}
