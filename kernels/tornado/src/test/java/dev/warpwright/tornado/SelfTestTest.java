package dev.warpwright.tornado;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.kernels.Tensor;
import org.junit.jupiter.api.Test;

class SelfTestTest {
  /** What a device without a rounding of its own for the product would give is one unit off. */
  @Test
  void aResultThatIsOneUnitOffIsRefused() {
    float[][] values = {{1}, {2}, {3}, {4}, {5}};
    float[] weights = {1, 1, 1, 1, 1};
    float right = 15 * 0.7f;
    assertTrue(SelfTest.judge(values, weights, Tensor.wrap(new float[] {right}, 1)).supported());
    Tensor wrong = Tensor.wrap(new float[] {Math.nextUp(right)}, 1);
    assertFalse(SelfTest.judge(values, weights, wrong).supported());
  }
}
