package dev.warpwright.attention;

import dev.warpwright.kernels.Resource;
import dev.warpwright.kernels.attention.BatchPlan;
import org.jspecify.annotations.Nullable;

/** A plan and the step that it is ready for. */
final class Step<P extends BatchPlan> implements Resource {
  private final P plan;
  private @Nullable Batch batch;
  private long number;

  Step(P plan) {
    this.plan = plan;
  }

  /** The plan, ready for the batch's present step. */
  P of(Batch next) {
    var tables = next.tables();
    if (batch != next || number != next.step()) {
      batch = null;
      plan.update(tables);
      batch = next;
      number = next.step();
    }
    return plan;
  }

  /** Closes the plan. */
  @Override
  public void close() {
    plan.close();
  }
}
