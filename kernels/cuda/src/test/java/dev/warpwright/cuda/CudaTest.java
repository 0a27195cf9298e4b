package dev.warpwright.cuda;

import dev.warpwright.softgpu.SoftGpuTest;
import java.lang.annotation.ElementType;
import java.lang.annotation.Inherited;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.condition.EnabledIf;

/** Each test on a software GPU of its own; disabled where the build had no nvcc. */
@Target({ElementType.TYPE, ElementType.METHOD})
@Retention(RetentionPolicy.RUNTIME)
@Inherited
@SoftGpuTest
@EnabledIf(
    value = "dev.warpwright.cuda.Kernels#areCompiled",
    disabledReason = "this build had no nvcc, so there are no kernels to test")
public @interface CudaTest {}
