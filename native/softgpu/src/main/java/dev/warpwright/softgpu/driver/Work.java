package dev.warpwright.softgpu.driver;

import java.util.List;

/** One queued operation of a stream. It may start when all that it waits for is done. */
final class Work {
  private final Context context;
  private final Runnable action;
  private final List<Work> after;
  private int delay;
  private boolean done;
  private long doneAt;

  /**
   * Queues nothing yet.
   *
   * @param context where a failure of the action is kept
   * @param action what to do
   * @param after what must be done before, apart from earlier work of the same stream
   * @param delay how often other work goes first
   */
  Work(Context context, Runnable action, List<Work> after, int delay) {
    this.delay = delay;
    this.context = context;
    this.action = action;
    this.after = List.copyOf(after);
  }

  boolean isReady() {
    return after.stream().allMatch(Work::isDone);
  }

  boolean isDelayed() {
    return delay > 0;
  }

  /** Lets other work go first once more. */
  void wasPassed() {
    delay--;
  }

  boolean isDone() {
    return done;
  }

  /** When it was done, in the simulated driver's own microseconds. */
  long doneAt() {
    return doneAt;
  }

  /** Runs the action; a context that has failed executes nothing any more. */
  void execute(WorkQueues clock) {
    try {
      if (!context.hasStickyFailure()) {
        action.run();
      }
    } catch (LaunchFailure e) {
      context.fail(e);
    } finally {
      done = true;
      doneAt = clock.microseconds();
    }
  }
}
