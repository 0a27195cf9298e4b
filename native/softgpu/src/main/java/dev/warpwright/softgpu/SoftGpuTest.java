package dev.warpwright.softgpu;

import java.lang.annotation.ElementType;
import java.lang.annotation.Inherited;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * Runs each test of a class, or one test, on a software GPU of its own. A test may take a parameter
 * of type {@link SoftGpu}. It fails when anything is left to complain about at its end: findings of
 * the simulator that it did not take, internal errors, memory that it did not free. The annotation
 * of a method wins over that of its class.
 */
@Target({ElementType.TYPE, ElementType.METHOD})
@Retention(RetentionPolicy.RUNTIME)
@Inherited
@ExtendWith(SoftGpuExtension.class)
public @interface SoftGpuTest {
  /** Names of constants of {@link dev.warpwright.softgpu.sim.DeviceProfile}, one a device. */
  String[] devices() default "H100";

  /** See {@link SoftGpuOptions#driverVersion}. */
  int driverVersion() default 13_000;

  /** See {@link SoftGpuOptions#memoryBytes}. */
  long memoryBytes() default Long.MAX_VALUE;

  /** See {@link SoftGpuOptions#progress}. */
  Progress progress() default Progress.LAZY;

  /** Order of streams, blocks, warps and lanes. */
  long seed() default 0;
}
